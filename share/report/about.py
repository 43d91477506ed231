"""about.py -- where a step's time goes; settings; the commands that runs were started with."""
import math, shlex, statistics

from .runs import IDLE, STAGES, at
from .text import esc, key, look, number, section, table


def times(arms):
    """Milliseconds of the median step that each stage was busy."""
    rows, most = [], 0
    for stage, file in STAGES:
        busy = [statistics.median([at(l, "busy") for r in a.runs for l in r.files[file] if at(l, "busy") is not None] or [math.nan]) * 1000 for a in arms]
        if any(math.isfinite(b) for b in busy):
            rows.append((stage, busy))
            most = max([most, *(b for b in busy if math.isfinite(b))])
    if not rows:
        return ""
    head = ["ms busy, median step"] + [f"{key(a.number)}{esc(a.name)}" for a in arms]
    body = [[f"ril-{stage}"] + [f'{number(b)}<meter class="{look(i)}" min="0" max="{most:.6g}" value="{b:.6g}" aria-hidden="true"></meter>' if math.isfinite(b) else "–"
                                for i, b in enumerate(busy)] for stage, busy in rows]
    return section("times", "Where a step's time goes", table("Times", head, body))


def setting(arm, k):
    """Of an arm's runs: one value, or each run's."""
    values = dict.fromkeys(str(r.settings.get(k, "–")).strip() or "–" for r in arm.runs)
    return ", ".join(map(esc, values)) if k == "seed" else "<br>".join(map(esc, values))


def settings(arms):
    runs = [r for a in arms for r in a.runs]
    keys = sorted({k for r in runs for k in r.settings})
    if not keys:
        return ""
    head = ["setting"] + [f"{key(a.number)}{esc(a.name)}" for a in arms]
    def of(which, label):
        return table(label, head, [[esc(k)] + [setting(a, k) for a in arms] for k in which], "plain")
    firsts = [a.runs[0] for a in arms]
    differ = [k for k in keys if k not in IDLE and any(k in a.settings and k in b.settings and not a.same(b, k) for i, a in enumerate(firsts) for b in firsts[:i])]
    if any(len(a.runs) > 1 for a in arms):
        differ.append("seed")
    out = of(differ, "Settings that differ") if differ else ""
    out += f"<details><summary>All settings</summary>{of(keys, 'All settings')}</details>"
    for run in runs:
        for start in run.about.get("starts", []):
            stages = start.get("stages", {})
            commands = "\n".join(" ".join(shlex.split(c)) for c in (stages.values() if isinstance(stages, dict) else stages) if c.strip())
            out += (f'<details><summary>{esc(run.name)}: commands from step {esc(start.get("step", "?"))}, {esc(start.get("version", ""))}</summary>'
                    f'<pre tabindex="0">{esc(commands)}</pre></details>')
    return section("settings", "Settings and lineage", out)
