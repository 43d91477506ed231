"""runs.py -- a run's files, and arms: runs with the same settings but for the seed.

A run that names no settings is an arm of its own, and so is a second run of a seed.  Of settings that name files the seed's own number
stands for any seed's (out/0/disc, out/1/disc); those that change nothing a model learns do not count."""
import glob, json, os, re

from .text import Mistake

STAGES = [("encode", "encode"), ("rollout", "rollout"), ("teach", "teach"), ("discriminate", "disc"), ("score", "score"), ("update", "metrics")]
FILES = {"student", "disc", "data", "image-root", "caches", "eval", "eval-image-root"}
IDLE = {"seed", "record", "keep", "log", "threads", "save-every"}


def lines(path):
    """A file's objects; a last line that is still being written is left out."""
    out = []
    if not os.path.exists(path):
        return out
    with open(path, encoding="utf-8", errors="replace") as f:
        text = f.read()
    for n, line in enumerate(text.split("\n")[:-1], 1):
        if line.strip():
            try:
                out.append(json.loads(line))
            except ValueError:
                raise Mistake(f"{path}: line {n}: not JSON", 3) from None
            if not isinstance(out[-1], dict):
                raise Mistake(f"{path}: line {n}: not an object", 3)
    return out


def at(o, path):
    """A number in nested objects, its name written with dots; None where there is none."""
    for part in path.split("."):
        o = o.get(part) if isinstance(o, dict) else None
    return o if isinstance(o, (int, float)) and not isinstance(o, bool) else None


class Run:
    def __init__(self, path, name):
        self.path, self.name = path, name
        self.files = {file: lines(os.path.join(path, file + ".jsonl")) for _, file in STAGES}
        evaluated = {e["step"]: e for e in lines(os.path.join(path, "eval.jsonl")) if at(e, "step") is not None}
        self.files["eval"] = [evaluated[step] for step in sorted(evaluated)]
        about = os.path.join(path, "run.json")
        self.about = {}
        if os.path.exists(about):
            with open(about, encoding="utf-8") as f:
                try:
                    self.about = json.load(f)
                except ValueError:
                    raise Mistake(f"{about}: not JSON", 3) from None
        self.settings = self.about.get("settings", {}) if isinstance(self.about, dict) else None
        if not isinstance(self.settings, dict):
            raise Mistake(f"{about}: its settings are not an object", 3)
        self.seed = "".join(str(self.settings.get("seed", "")).split())
        self.recorded = sorted(int(os.path.basename(p)[5:-4]) for p in glob.glob(os.path.join(glob.escape(path), "record/step-*.ril"))
                               if os.path.basename(p)[5:-4].isdigit())

    def same(self, other, k):
        """Is a setting of two runs the same, but for their seeds?"""
        mine, its = (" ".join(str(r.settings.get(k)).split()) for r in (self, other))
        if mine == its or k not in FILES:
            return mine == its
        a, b = re.split(r"(\d+)", mine), re.split(r"(\d+)", its)
        return len(a) == len(b) and all(x == y or (x.isdigit() and x.lstrip("0") == self.seed.lstrip("0") and y.lstrip("0") == other.seed.lstrip("0"))
                                        for x, y in zip(a, b))

    def alike(self, other):
        """Are the two seeds of one another?"""
        keys = (self.settings.keys() | other.settings.keys()) - IDLE
        return all(k in self.settings and k in other.settings and self.same(other, k) for k in keys)


class Arm:
    """Runs that are seeds of one another, in the order of their seeds; number: which of the page's arms it is, hence its colour and mark."""
    def __init__(self, runs):
        self.runs, self.name, self.number = runs, "", 0

    def label(self, i):
        """What tells the i-th run from the others."""
        return self.runs[i].seed or str(i)


def find_runs(operands):
    """Runs, and the runs in folders of them, each with a name of its own: so much of its path as is needed."""
    found = []
    for path in operands:
        inner = [path] if os.path.exists(os.path.join(path, "metrics.jsonl")) else \
            sorted(os.path.dirname(p) for p in glob.glob(os.path.join(glob.escape(path), "*/metrics.jsonl")))
        if not inner:
            raise Mistake(f"{path}: no metrics.jsonl in it or one level below: not a run folder")
        found += [p for p in inner if p not in found]
    parts = [os.path.abspath(p).split(os.sep) for p in found]
    for n in range(1, max(map(len, parts)) + 1):
        names = ["/".join(p[-n:]) for p in parts]
        if len(set(names)) == len(names):
            break
    return [Run(p, n) for p, n in zip(found, names)]


def name_of(runs):
    """Of several runs the name that is left without the seed, or what their names begin with."""
    if len(runs) == 1:
        return runs[0].name
    last = [r.name.split("/")[-1] for r in runs]
    bare = [re.sub(rf"[-_./ ]?(seed)?[-_]?0*{re.escape(r.seed)}(?!\d)", "", n).strip("-_./ ") for n, r in zip(last, runs)]
    for names in set(last), set(bare):
        if len(names) == 1 and "" not in names:
            return names.pop()
    return os.path.commonprefix([r.name for r in runs]).rstrip("-_./ ") or f"{runs[0].name} …"


def arms_of(runs, separate=False):
    arms = []
    for run in runs:
        known = run.settings and run.seed and not separate
        joined = next((a for a in arms if run.alike(a.runs[0]) and run.seed not in [r.seed for r in a.runs]), None) if known else None
        if joined:
            joined.runs.append(run)
        else:
            arms.append(Arm([run]))
    for arm in arms:
        arm.runs.sort(key=lambda r: (len(r.seed), r.seed))
    names = [name_of(a.runs) for a in arms]
    for i, arm in enumerate(arms):
        arm.number = i
        arm.name = names[i] if names.count(names[i]) == 1 else arm.runs[0].name + (" …" if len(arm.runs) > 1 else "")
    return arms
