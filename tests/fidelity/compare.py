"""compare.py DIR -- tables of random trials beside scipy's figures: writes DIR/NAME.tsv, runs ril-compare on it, and compares.  A line
"ok WHAT" for each figure that agrees, exit 1 at the first that does not."""
import json, os, subprocess, sys
import numpy as np
from scipy import stats

rng = np.random.default_rng(11)


def ours(name, *options):
    p = subprocess.run(["ril-compare", "-b", "base", "--report", "json", *options, name], capture_output=True, text=True, check=True)
    return {r["setting"]: r for r in json.loads(p.stdout)["settings"]}


def agree(what, a, b, by):
    if not abs(a - b) <= by * max(abs(b), 1e-300):
        sys.exit(f"not so: {what}: {a!r}, scipy has {b!r}")
    print("ok", what)


def table(name, x):
    """x: {setting: [seeds] or [seeds, questions]}"""
    path = os.path.join(sys.argv[1], name + ".tsv")
    with open(path, "w") as f:
        f.write("setting\tseed\tmeasure\tquestion\tvalue\n" if next(iter(x.values())).ndim == 2 else "setting\tseed\tmeasure\tvalue\n")
        for s, values in x.items():
            for k, row in enumerate(values):
                for q, v in enumerate(np.atleast_1d(row)):
                    f.write(f"{s}\t{k}\tm\t" + (f"{q}\t" if values.ndim == 2 else "") + f"{v:.17g}\n")
    return path


def flips(d):
    """scipy's test of paired samples, all patterns."""
    return stats.permutation_test((d,), lambda v, axis: np.mean(v, axis=axis), permutation_type="samples", n_resamples=np.inf, vectorized=True).pvalue


def percentile(x, statistic):
    return stats.bootstrap((x,), statistic, n_resamples=200000, method="percentile", batch=2000, random_state=3).confidence_interval


for n in 2, 3, 5, 8, 12:
    x = {"base": rng.normal(size=n), "other": rng.normal(size=n) + .4}
    d = x["other"] - x["base"]
    name = table(f"runs-{n}", x)
    r = ours(name, "--resamples", "200000")["other"]
    agree(f"{n} seeds: mean", r["mean"], x["other"].mean(), 1e-9)
    agree(f"{n} seeds: standard deviation", r["sd"], x["other"].std(ddof=1), 1e-9)
    agree(f"{n} seeds: randomisation test", r["p_seeds"], flips(d), 1e-9)
    wide = percentile(d, np.mean)
    agree(f"{n} seeds: bootstrap, low", r["d_low"], wide.low, .02 * (wide.high - wide.low) / abs(wide.low))
    agree(f"{n} seeds: bootstrap, high", r["d_high"], wide.high, .02 * (wide.high - wide.low) / abs(wide.high))
    r = ours(name, "--method", "t", "--confidence", "99")["other"]
    test = stats.ttest_rel(x["other"], x["base"])
    agree(f"{n} seeds: paired t test", r["p_seeds"], test.pvalue, 1e-8)
    agree(f"{n} seeds: t interval, low", r["d_low"], test.confidence_interval(.99).low, 1e-8)
    agree(f"{n} seeds: t interval, high", r["d_high"], test.confidence_interval(.99).high, 1e-8)

for n in 30, 600, 5000:
    a, b = rng.random((1, n)) < .6, rng.random((1, n)) < .64
    b = np.where(rng.random((1, n)) < .5, a, b)
    r = ours(table(f"verdicts-{n}", {"base": a.astype(float), "other": b.astype(float)}), "--resamples", "2000")["other"]
    better, worse = int((b & ~a).sum()), int((a & ~b).sum())
    agree(f"{n} questions: McNemar's exact test of {better} and {worse}", r["p_questions"], stats.binomtest(better, better + worse).pvalue, 1e-8)
    agree(f"{n} questions: counts", r["better"] * 10000 + r["worse"], better * 10000 + worse, 0)

# several seeds: sums over seeds, flipped question by question
a, b = (rng.random((4, 14)) < .5).astype(float), (rng.random((4, 14)) < .7).astype(float)
r = ours(table("crossed", {"base": a, "other": b}))["other"]
agree("4 seeds of 14 questions: randomisation test over questions", r["p_questions"], flips((b - a).sum(0)), 1e-9)
agree("4 seeds of 14 questions: over seeds", r["p_seeds"], flips((b - a).mean(1)), 1e-9)
