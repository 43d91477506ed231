"""curves.py -- which curves a page has."""
import math

from .chart import PIXELS, panel
from .compared import compare, trials
from .runs import at
from .text import section


def by_path(path):
    return lambda line: at(line, path)


def share(part, whole):
    def value(line):
        a, b = at(line, part), at(line, whole)
        return a / b if a is not None and b else None
    return value


# title, unit, file, [what, value, dashed]
PANELS = [
    ("Answer reward", "mean a response", "metrics", [("student", by_path("student.answer"), 0), ("teachers", by_path("teacher.answer"), 1)]),
    ("Similarity reward", "mean a response", "metrics", [("student", by_path("student.similarity"), 0), ("teachers", by_path("teacher.similarity"), 1)]),
    ("Reward", "mean a response", "metrics", [("student", by_path("student.reward"), 0), ("teachers", by_path("teacher.reward"), 1)]),
    ("Divergence from the reference", "KL, nats a token", "metrics", [("all", by_path("kl"), 0)]),
    ("Entropy of the policy", "nats a token", "metrics", [("student", by_path("student.entropy"), 0), ("teachers", by_path("teacher.entropy"), 1)]),
    ("Length of responses", "tokens", "metrics", [("student", by_path("student.length"), 0), ("teachers", by_path("teacher.length"), 1)]),
    ("Responses that were cut off", "share", "metrics", [("student", share("student.truncated", "student.responses"), 0),
                                                          ("teachers", share("teacher.truncated", "teacher.responses"), 1)]),
    ("Groups without variance", "share", "metrics", [("groups", share("zero_variance_groups", "groups"), 0)]),
    ("Clipped tokens", "share", "metrics", [("all", by_path("clip_fraction"), 0)]),
    ("Gradient norm", "", "metrics", [("student", by_path("grad_norm"), 0)]),
    ("Loss", "", "metrics", [("student", by_path("loss"), 0)]),
    ("Discriminator: accuracy", "before its step", "disc", [("on the student's", by_path("before.student_accuracy"), 0),
                                                            ("on teachers'", by_path("before.teacher_accuracy"), 1)]),
    ("Discriminator: saturation", "share of responses", "disc", [("all", by_path("saturation"), 0)]),
]


def curve(run, file, value):
    points = {line["step"]: value(line) for line in run.files[file] if at(line, "step") is not None}
    return sorted((x, y) for x, y in points.items() if y is not None and math.isfinite(y))


def series_of(arms, file, parts):
    out = []
    for arm in arms:
        for what, value, dashed in parts:
            curves = [c for c in (curve(run, file, value) for run in arm.runs) if c]
            if curves:
                out.append({"arm": arm.number, "name": arm.name, "what": what, "dashed": dashed, "runs": curves})
    return out


def evaluations(arms, metric):
    """What was held out, with intervals: a panel of its own."""
    out = series_of(arms, "eval", [("held out", by_path("report." + metric), 0)])
    kept = [(f"{arm.number} {e['step']}", arm.label(i), e) for arm in arms for i, run in enumerate(arm.runs) for e in run.files["eval"]]
    judged = compare(trials(kept, metric), resamples=2000)
    for s in out:
        s["few"], s["band"] = 1, []
        steps = sorted(set(x for x, _ in s["runs"][0]).intersection(*(set(x for x, _ in r) for r in s["runs"])))
        for step in steps:
            row = judged.get((metric, f"{s['arm']} {step}"), {})
            if at(row, "low") is not None and at(row, "high") is not None:
                s["band"].append((step, row["low"], row["high"]))
        if not s["band"] and metric == "accuracy" and len(s["runs"]) == 1:
            s["band"] = reported(arms[s["arm"]].runs[0])
    return out


def overall(report):
    return next((s for s in report.get("scores", []) if s.get("type") == "all" and s.get("source") == "student"), {})


def reported(run):
    """Of a run whose verdicts were not kept: intervals as its evaluations have them."""
    scores = [(e["step"], overall(e.get("report", {}))) for e in run.files["eval"]]
    return [(step, s["low"], s["high"]) for step, s in scores if at(s, "low") is not None and at(s, "high") is not None]


def curves(arms, metric):
    runs = sum(len(a.runs) for a in arms)
    parts = max(60, PIXELS * 8 // max(8, runs))  # many long runs: a wider pixel
    out = []
    held = evaluations(arms, metric)
    if held:
        out.append(panel(f"Held out: {metric}", "95 % intervals" if any(s["band"] for s in held) else "by step", held, parts))
    for title, unit, file, what in PANELS:
        series = series_of(arms, file, what)
        if series:
            out.append(panel(title, unit, series, parts))
    if not out:
        return ""
    seeds = (" Of an arm with several seeds the thick line is their mean, the band reaches from the lowest to the highest of them; evaluations have 95 % intervals, by "
             "bootstrap over seeds and questions." if runs > len(arms) else "")
    note = f'<p class="note">Thin lines are what was measured, thick ones the mean of a window of a tenth of it.{seeds}</p>'
    return section("curves", "Curves", f'{note}<div class="panels">{"".join(out)}</div>')
