"""common.py -- what the benchmarks share (scripts/bench, bench-cuda, bench-growth, bench-world, bench-scale): folders of random
weights and questions for them, the pipeline by its steps, which Python has the peer, and what a row says of the machine.

`how` is the benchmark's settings: work (where folders are made), tools (another build's, or None).  Weights are random and the
vocabulary's first 256 tokens are bytes, so that a question's length in bytes sets the prompt's; no response ends early: the end
is an id that is never drawn.
"""
import json, os, re, shutil, signal, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSTALL = "scripts/reference-env build/reference"


def say(text):
    print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr, flush=True)


def said(*command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT).stdout.strip()
    except OSError:
        return ""


# ---- the machine ----
def processors():
    return len(os.sched_getaffinity(0))


def processor_name():
    cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    return f"{cpu[1] if cpu else 'CPU'}, {processors()} processors"


def busy():
    """Seconds of all processors that were not idle, since the machine began."""
    t = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
    return (sum(t) - t[3] - t[4]) / os.sysconf("SC_CLK_TCK")


def revision():
    return said("git", "describe", "--always", "--dirty") or open(os.path.join(ROOT, "VERSION")).read().strip()


# ---- the peer ----
def peer_python():
    """A Python with torch and transformers, or None: then one line has said what installs them."""
    for python in (os.environ.get("PYTHON"), os.path.join(ROOT, "build/reference/bin/python"), sys.executable):
        if python and os.access(python, os.X_OK) and subprocess.run([python, "-c", "import torch, transformers"],
                                                                    stderr=subprocess.DEVNULL).returncode == 0:
            return python
    say(f"torch and transformers are not here, the peer's columns stay empty; this installs them:  {INSTALL}")


# ---- tools and folders ----
def environment(how):
    """Tools of another build before our own, for ril-train too."""
    bins = [b for b in (how.tools, os.environ.get("RIL_BIN"), os.path.join(ROOT, "bin")) if b]
    first = [b for b in bins if os.path.exists(os.path.join(b, "ril-update"))][0]
    return dict(os.environ, PATH=os.pathsep.join([*bins, os.environ["PATH"]]), RIL_BIN=first)


def tool(how, name, *arguments, **more):
    return subprocess.run([name, *arguments], check=True, env=environment(how), **more)


def config_of(model):
    return os.path.join(model, "config.json") if os.path.isdir(model) else model


def name_of(model):
    return os.path.basename(os.path.abspath(model)).removesuffix(".json")


def folder(how, model, patches=32, dtype="config"):
    """A folder of random weights, made if it is not there; pictures have patches x patches, or one tile."""
    out = os.path.join(how.work, name_of(model) + ("" if dtype == "config" else "-" + dtype.lower()))
    if os.path.exists(os.path.join(out, "complete")):
        return out
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(how.work, exist_ok=True)
    corpus = os.path.join(how.work, "corpus.txt")
    open(corpus, "w").write("a\n")
    c = json.load(open(config_of(model)))
    start, side = time.time(), patches * c["vision_config"]["patch_size"] if "spatial_merge_size" in c.get("vision_config", {}) else 0
    size = ["--min-pixels", str(side * side), "--max-pixels", str(side * side)] if side else ["--max-tiles", "1"]
    tool(how, "ril-init", "-q", "--config", config_of(model), "--train-tokenizer", corpus, "--vocab", "256", "--dtype", dtype, *size, "-o", out)
    path = os.path.join(out, "generation_config.json")
    g, c = json.load(open(path)), json.load(open(os.path.join(out, "config.json")))
    g["eos_token_id"] = c["image_token_id"]
    json.dump(g, open(path, "w"))
    open(os.path.join(out, "complete"), "w").close()
    say(f"{name_of(out)}: random weights made in {time.time() - start:.0f} s")
    return out


def discriminator(how, work, made, device="cpu"):
    """Makes WORK/disc from a student: its weights, a head drawn at random; needs WORK/data.jsonl."""
    tool(how, "ril-encode", "-q", "--device", "cpu", "-m", made, "-o", f"{work}/e.ril", "--batch", "1", "--steps", "1", f"{work}/data.jsonl")
    tool(how, "ril-rollout", "-q", "--device", device, "-m", made, "-n", "1", "--max-new-tokens", "2", "-i", f"{work}/e.ril", "-o", f"{work}/r.ril")
    tool(how, "ril-discriminate", "-q", "--device", device, "--init-from", made, "--save", f"{work}/disc", "-i", f"{work}/r.ril", "-o",
         f"{work}/d.ril")


# ---- questions ----
def letters(k, first=0):
    return "".join("abcdefghijklmnop"[(first + i) * 7 % 16] for i in range(k))


def write_questions(how, work, made, prompt, n, answer=1, teachers=(), pictures=True):
    """n questions, with a picture or without, whose prompts have `prompt` tokens, if the template's own are not more, and answers of so many
    bytes, or (0) such as random text holds now and then: WORK/data.jsonl; and a teacher's answer of each length in `teachers`:
    WORK/teachers.jsonl.  Says how long the prompts are."""
    tool(how, "ril-scenes", "-q", "-o", work, "-n", str(n), "--prefix", "q")
    rows = [json.loads(x) for x in open(f"{work}/q.jsonl")][:n]

    def write(length):
        with open(f"{work}/data.jsonl", "w") as f:
            for i, r in enumerate(rows):
                x = {"id": r["id"], "image": r["image"], "question": letters(length, i), "answers": [letters(answer, i)] if answer else list("abcdefgh"),
                     "judge": "contains"}
                if not pictures:
                    del x["image"]
                f.write(json.dumps(x) + "\n")

    def length():
        tool(how, "ril-encode", "-q", "--device", "cpu", "--compute", "f32", "-m", made, "-o", f"{work}/one.ril", "--batch", "1", "--steps", "1",
             f"{work}/data.jsonl")
        return len(tool(how, "ril-inspect", "--field", "prompt.ids", f"{work}/one.ril", stdout=subprocess.PIPE, text=True).stdout.split())
    write(1)
    write(max(1, prompt - length() + 1))
    with open(f"{work}/teachers.jsonl", "w") as f:
        f.writelines(json.dumps({"id": r["id"], "teacher": f"t{k}", "response": letters(t, i + k + 1)}) + "\n"
                     for i, r in enumerate(rows) for k, t in enumerate(teachers))
    return length()


# ---- the pipeline ----
def ril_loop(how, work, steps, options, left=lambda: 3600, step=lambda text: None, finish=False):
    """Runs ril-train in WORK/run for `steps` steps with `options` and one more, which it may finish with a checkpoint or is ended in: that of a
    large model would be tens of gigabytes.  Says when each step ended, and {stage: its steps' own lines}; step(text) hears of each."""
    run = f"{work}/run"
    metrics, seen = f"{run}/metrics.jsonl", []
    p = subprocess.Popen([f"{ROOT}/scripts/ril-train", "-q", "--run", run, "--steps", str(steps + 1), "--save-every", str(steps + 1), *options],
                         start_new_session=True, env=environment(how))
    try:
        while p.poll() is None and len(seen) < steps and left() > 0:
            n = open(metrics).read().count("\n") if os.path.exists(metrics) else 0
            for _ in range(n - len(seen)):
                seen.append(time.time())
                step(f"step {len(seen)}")
            time.sleep(.005)
        for _ in range(0 if finish and len(seen) >= steps else 2):
            if p.poll() is None:
                p.send_signal(signal.SIGINT)
                time.sleep(.5)
        p.wait(300 if finish else 30)
    finally:
        if p.poll() is None:
            os.killpg(p.pid, signal.SIGKILL)
    stages = {}
    for stage, name in ("rollout", "rollout"), ("discriminate", "disc"), ("update", "metrics"):
        path = f"{run}/{name}.jsonl"
        stages[stage] = [json.loads(x) for x in open(path)][:steps] if os.path.exists(path) else []
    return seen, stages
