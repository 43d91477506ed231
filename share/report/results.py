"""results.py -- what was held out, as tables: each arm at its end and against its start, and arms against one of them.

All statistics are ril-compare's: over seeds, and over questions where the runs were asked the same and their verdicts were kept."""
import math

from .compared import compare, paired, trials
from .curves import overall
from .runs import at
from .text import esc, interval, key, number, section, table


def ends(arm, which):
    """(label of the seed, evaluation) of an arm's runs: the first (0) or the last (-1) of each."""
    return [(arm.label(i), run.files["eval"][which]) for i, run in enumerate(arm.runs) if run.files["eval"]]


def moved(row):
    """A difference with its interval; coloured where the interval leaves out 0, but not where seeds happen to agree to the last digit."""
    d, low, high = at(row, "difference"), at(row, "d_low"), at(row, "d_high")
    if d is None:
        return ""
    d = d if abs(d) > 1e-12 else 0  # what is left of a sum of as many gains as losses
    sure = "" if low is None or high is None or flat(row) else "up" if low > 0 else "down" if high < 0 else ""
    return f'<span class="{sure}">{"+" if d > 0 else ""}{number(d)}</span> {interval(low, high)}'


def flat(row):
    """Differences of few whole runs that are all the same: Student's t knows nothing of them."""
    return at(row, "p_questions") is None and at(row, "d_low") == at(row, "d_high")


def mean(values):
    values = [v for v in values if v is not None and math.isfinite(v)]
    return number(sum(values) / len(values)) if values else "–"


def mean_of(evaluations, path):
    return mean(at(e.get("report", {}), path) for _, e in evaluations)


def of_type(evaluations, name):
    return mean(at(e.get("report", {}).get("types", {}).get(name, {}), "accuracy") for _, e in evaluations)


def rows_of(arm, types, more):
    """An arm's first and last evaluations; one row where they are the same."""
    whens = [0, -1] if any(len(r.files["eval"]) > 1 for r in arm.runs) else [-1]
    of = [(str(w), seed, e) for w in whens for seed, e in ends(arm, w)]
    judged = compare(trials(of, "accuracy"), baseline="0")
    out = []
    for w in whens:
        evaluations, row = ends(arm, w), judged.get(("accuracy", str(w)), {})
        low, high = at(row, "low"), at(row, "high")
        if len(evaluations) == 1 and low is None:
            score = overall(evaluations[0][1].get("report", {}))
            low, high = at(score, "low"), at(score, "high")
        steps = sorted({e["step"] for _, e in evaluations})
        out.append([f"{key(arm.number)}{esc(arm.name)}", str(len(evaluations)), " – ".join(map(str, dict.fromkeys((steps[0], steps[-1])))),
                    f'{mean_of(evaluations, "accuracy")} {interval(low, high)}', moved(row) if w else "", number(at(row, "p_questions")) if w and at(row, "difference") is not None else "",
                    *(of_type(evaluations, t) for t in types), *(mean_of(evaluations, m) for m in more)])
    return out


def figures(arms, metric):
    """What is compared beside accuracy."""
    reports = [e.get("report", {}) for a in arms for r in a.runs for e in r.files["eval"]]
    return [m for m in dict.fromkeys([metric, "captions.CIDEr"]) if m != "accuracy" and any(at(r, m) is not None for r in reports)]


def results(arms, metric):
    shown = [a for a in arms if ends(a, -1)]
    if not shown:
        return ""
    types = list(dict.fromkeys(t for a in shown for r in a.runs for e in r.files["eval"] for t in e.get("report", {}).get("types", {})))
    more = figures(shown, metric)
    head = ["arm", "seeds", "step", "accuracy", "against its start", "p, questions", *map(esc, types), *(esc(m.removeprefix("captions.")) for m in more)]
    rows = [row for a in shown for row in rows_of(a, types, more)]
    filled = [i for i in range(len(head)) if any(row[i] for row in rows)]
    body = table("Results", [head[i] for i in filled], [[row[i] for i in filled] for row in rows], "cards")
    return section("results", "Results on held-out questions", body + '<p class="note">Intervals are 95 %, by bootstrap over questions, and over seeds where there are '
                   "several. Differences and p are of the same questions and seeds; p over questions: by chance alone a difference as large would be so frequent. "
                   "Where an interval leaves out 0, the difference is coloured.</p>")


def comparison(arms, metric, baseline):
    """Arms at their last evaluations against one of them."""
    shown = [a for a in arms if ends(a, -1)]
    if len(shown) < 2 or baseline not in shown:
        return ""
    one_each = all(len(ends(a, -1)) == 1 for a in shown)  # models are compared on questions, whatever their seeds
    of = [(str(a.number), "0" if one_each else seed, e) for a in shown for seed, e in ends(a, -1)]
    rows = []
    for m in ["accuracy", *figures(shown, metric)]:
        judged = compare(trials(of, m), baseline=str(baseline.number))
        for a in shown:
            row = judged.get((m, str(a.number)), {})
            if a is not baseline and at(row, "difference") is not None:
                rows.append([f"{key(a.number)}{esc(a.name)}", esc(m.removeprefix("captions.")), f'{number(row["mean"])} {interval(at(row, "low"), at(row, "high"))}', moved(row), str(row["pairs"]),
                             number(None if flat(row) else at(row, "p_seeds")), number(at(row, "p_questions")), f'{row["better"]} / {row["worse"]}' if at(row, "better") is not None else ""])
    same = paired([e for _, _, e in of])
    note = ("Differences are between one run each, of the same questions; other seeds may say otherwise." if same and one_each else
            "Differences are of the same seeds, and of accuracy of the same questions." if same else
            "The runs were not all asked the same questions, or did not keep their verdicts: differences are over seeds alone.")
    if not rows:
        note += " No two arms have a seed in common."
    head = ["arm", "measure", "mean", "difference", "pairs", "p, seeds", "p, questions", "better / worse"]
    return section("comparison", f"Compared with {baseline.name}", (table("Comparison", head, rows, "cards") if rows else "") + f'<p class="note">{note} '
                   "p over seeds: would other seeds agree? p over questions: would these models differ on other questions? Intervals and tests are ril-compare\'s: "
                   "bootstrap and randomisation where there are questions, Student\'s t for figures of whole runs. Among many comparisons some p are small by chance.</p>")
