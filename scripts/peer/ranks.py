"""ranks.py -- what benchmarks of several ranks share (scripts/bench-world, bench-scale): their launcher, their streams, what a run leaves."""
import os, shutil

from common import ROOT, environment, said, tool


def is_open_mpi(mpirun):
    return any(x in said(mpirun, "--version") for x in ("Open MPI", "OpenRTE"))


def encode_shards(how, made, data, batch, ranks, name):
    """A stream for each rank, NAME.RANK.ril: the steps' groups dealt out by place."""
    for r in range(ranks):
        tool(how, "ril-encode", "-q", "--device", "cpu", "-m", made, "--with-answers", "--batch", str(batch), "--steps", str(how.steps), "--shard", f"{r}/{ranks}",
             "--shard-by", "place", data, "-o", f"{name}.{r}.ril")


def of_ranks(how):
    """An environment in which root may launch."""
    return dict(environment(how), OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def clear(w, *beginnings):
    """Takes away what the last run left."""
    shutil.rmtree(f"{w}/out", ignore_errors=True)
    for f in os.listdir(w):
        if f.startswith(beginnings):
            os.remove(f"{w}/{f}")


def last_step(trace):
    """What ril-trace says of a rank's last step, by column."""
    return dict(zip(*(x.split("\t") for x in said(os.path.join(ROOT, "scripts/ril-trace"), trace).splitlines())))
