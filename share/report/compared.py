"""compared.py -- means, intervals, differences and tests over seeds and over questions: what ril-compare says of evaluations."""
import json, math, os, subprocess

from .runs import at
from .text import Mistake


class Tools:
    folder = ""

    @classmethod
    def run(cls, name, *arguments, text=None):
        try:
            return subprocess.run([os.path.join(cls.folder, name), *arguments], input=text, capture_output=True, encoding="utf-8", errors="replace", check=False)
        except OSError as e:
            raise Mistake(f"{name}: {e.strerror}") from None


def verdicts(line):
    """Of an evaluation: a value for every question; None where they were not kept, or some are undecided."""
    kept = line.get("verdicts")
    if isinstance(kept, str) and kept and set(kept) <= {"0", "1"}:
        return [int(v) for v in kept]
    if isinstance(kept, list) and kept and all(isinstance(v, (int, float)) and math.isfinite(v) for v in kept):
        return kept
    return None


def paired(evaluations):
    """Can evaluations be compared question by question?"""
    asked = {(e.get("asked"), len(verdicts(e) or [])) for e in evaluations}
    return len(asked) == 1 and None not in asked.pop() and all(verdicts(e) for e in evaluations)


def trials(evaluations, measure):
    """Of (setting, seed, evaluation) the trials of a measure: a value for every question where all were asked the same, else one a run."""
    if measure == "accuracy" and paired([e for _, _, e in evaluations]):
        return [(s, seed, measure, verdicts(e)) for s, seed, e in evaluations]
    values = [(s, seed, measure, at(e.get("report", {}), measure)) for s, seed, e in evaluations]
    return [v for v in values if v[3] is not None and math.isfinite(v[3])]


def compare(of, baseline=None, resamples=10000):
    """Trials are (setting, seed, measure, value or values of all questions).  What ril-compare says, by measure and setting: by bootstrap and
    randomisation where there are questions; of runs as a whole, which are few, by Student's t."""
    whole, by_question = [], []
    for setting, seed, measure, value in of:
        row = f"{setting}\t{seed}\t{measure}"
        if isinstance(value, list):
            by_question += [f"{row}\t{n}\t{v:.10g}" for n, v in enumerate(value)]
        else:
            whole.append(f"{row}\t{value:.10g}")
    out = {}
    for rows, head, method in (by_question, "setting\tseed\tmeasure\tquestion\tvalue", "bootstrap"), (whole, "setting\tseed\tmeasure\tvalue", "t"):
        if not rows:
            continue
        settings = {row.split("\t", 1)[0] for row in rows}
        more = ["--baseline", baseline] if baseline in settings else []
        p = Tools.run("ril-compare", "--report", "json", "--method", method, "--resamples", str(resamples), *more, text="\n".join([head, *rows]) + "\n")
        if p.returncode:
            raise Mistake(p.stderr.strip() or f"ril-compare ended with {p.returncode}", p.returncode)
        out.update({(row["measure"], row["setting"]): row for row in json.loads(p.stdout)["settings"]})
    return out
