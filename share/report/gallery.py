"""gallery.py -- recorded steps: questions, pictures, answers, D(q,o), rewards, advantages.

Of a run so many steps are shown, evenly, as there is room for in the page, and where not even one step fits, so many of its groups; all
runs have the same room."""
import base64, json, math, os, sys, tarfile

from .compared import Tools
from .text import Mistake, esc, key, number, section

NUMBERS = [("D(q,o)", "disc.logit"), ("similarity", "reward.similarity"), ("answer", "reward.answer"), ("reward", "reward"), ("advantage", "advantage")]


def inspect(path, *more):
    p = Tools.run("ril-inspect", "--json", *more, path)
    if p.returncode and more:
        return {}  # a stream without that field
    if p.returncode:
        raise Mistake(p.stderr.strip() or f"{path}: ril-inspect ended with {p.returncode}", p.returncode if p.returncode in (1, 3) else 1)
    found = [json.loads(line) for line in p.stdout.splitlines()]
    return {o["key"]: o.get("value") for o in found if "key" in o} if more else [o for o in found if o.get("kind") == "group"]


def teachers_of(path):
    p = Tools.run("ril-inspect", "--json", "--head", path)
    for line in p.stdout.splitlines():
        head = json.loads(line)
        if head.get("kind") == "head":
            return head["metadata"].get("teachers", [])
    return []


# ---- pictures ----
def bytes_of(path, root):
    """A picture's bytes, where it is a file, a data URL or a member of a tar shard; None: there is none."""
    if path.startswith("data:"):
        return path
    file = path[len("file://"):] if path.startswith("file://") else path
    file = file if os.path.isabs(file) else os.path.join(root, file)
    try:
        if os.path.isfile(file):
            with open(file, "rb") as f:
                return f.read()
        shard, member = file, ""
        while not os.path.exists(shard) and os.path.dirname(shard) != shard:
            shard, member = os.path.dirname(shard), os.path.join(os.path.basename(shard), member) if member else os.path.basename(shard)
        if os.path.isfile(shard) and member:
            with tarfile.open(shard) as tar:
                for name in member, "./" + member:
                    try:
                        return tar.extractfile(name).read()
                    except (KeyError, AttributeError):
                        pass
    except (OSError, tarfile.TarError):
        pass
    return None


def picture(path, root, missing):
    found = bytes_of(path, root)
    if found is None:
        missing.add(path)
        return f'<p class="missing">no picture at {esc(path[:80])}</p>'
    if isinstance(found, bytes):
        kind = next((k for start, k in ((b"\x89PNG", "png"), (b"GIF8", "gif"), (b"RIFF", "webp"), (b"BM", "bmp")) if found.startswith(start)), "jpeg")
        kind = "avif" if found[4:12] == b"ftypavif" else kind
        found = f"data:image/{kind};base64," + base64.b64encode(found).decode()
    return f'<img alt="the question\'s picture" loading="lazy" src="{esc(found)}">'


# ---- answers ----
def cells(columns, i, most):
    out = []
    for title, values in columns:
        v = values[i]
        if title == "D(q,o)" and v is not None:
            v = 1 / (1 + math.exp(-max(-700, min(700, v))))
        bar = f'<i class="bar {"up" if v > 0 else "down"}" style="--part:{abs(v) / most:.3f}"></i>' if title == "advantage" and v else ""
        out.append(f'<td data-of="{title}">{number(v)}{bar}')
    return "".join(out)


def answers(group, fields, teachers):
    name, texts = group["key"], group["metadata"].get("resp.text", [])
    columns = [(title, fields[f][name]) for title, f in NUMBERS if fields[f].get(name) and len(fields[f][name]) == len(texts)]
    who = fields["resp.source"].get(name) or [0] * len(texts)
    most = max([abs(a) for t, v in columns if t == "advantage" for a in v if a is not None] or [1]) or 1
    rows = []
    for i, text in enumerate(texts):
        by = "student" if who[i] == 0 else teachers[who[i] - 1] if 0 < who[i] <= len(teachers) else f"source {who[i]}"
        rows.append(f'<tr class="{"student" if who[i] == 0 else "teacher"}"><th scope=row>{esc(by)}<td class="text">{esc(text) or "<em>empty</em>"}{cells(columns, i, most)}</tr>')
    head = "".join(f"<th scope=col>{t}" for t in ["who", "response", *(t for t, _ in columns)])
    return f'<table class="answers"><thead><tr>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def step(run, n, most, root, missing):
    path = os.path.join(run.path, "record", f"step-{n}.ril")
    groups = inspect(path)
    fields = {f: inspect(path, "--field", f) for f in ["resp.source", *(f for _, f in NUMBERS)]}
    kinds = {}
    for g in groups:
        kinds.setdefault(g["metadata"].get("type") or g["key"], g)
    cards = []
    for g in list(kinds.values())[:most]:
        m = g["metadata"]
        right = m.get("answers") or m.get("data.references") or []
        earlier = [t for t in m.get("turns", []) if isinstance(t, dict)]
        cards.append('<article class="group"><div class="asked">' + "".join(picture(p, root, missing) for p in m.get("image.path", []) if p) + "<div>" +
                     "".join(f'<p class="note">{esc(t.get("role", ""))}: {esc(t.get("content", ""))}</p>' for t in earlier) +
                     f'<p class="question">{esc(m.get("question", g["key"]))}</p>' +
                     (f'<p class="right">right: {esc(" / ".join(map(str, right)))}</p>' if right else "") +
                     f'<p class="note">{esc(g["key"])}</p></div></div>{answers(g, fields, run.teachers)}</article>')
    return cards


def html_of(n, cards):
    return f'<section class="step" data-step="{n}"><h4>Step {n}</h4>{"".join(cards)}</section>'


def spread(all_, most):
    """The first, the last, and as many between them, evenly."""
    n = min(len(all_), most)
    return [all_[round(i * (len(all_) - 1) / max(1, n - 1))] for i in range(n)]


def steps_of(run, options, missing):
    """(step, its groups as HTML) of a run."""
    root = options.image_root or run.settings.get("image-root") or os.path.dirname(run.settings.get("data", ""))
    chosen = spread(run.recorded, options.steps)
    run.teachers = teachers_of(os.path.join(run.path, "record", f"step-{chosen[0]}.ril"))
    return [(n, step(run, n, options.groups, root, missing)) for n in chosen]


def weight(texts):
    return sum(len(t.encode(errors="replace")) for t in texts)


def fitting(steps, room):
    """As many of the steps, evenly, as there is room for; of a single one as many of its groups, but one at least."""
    n = len(steps)
    while n > 1 and weight(c for _, cards in spread(steps, n) for c in cards) > room:
        n -= 1
    kept = spread(steps, n) if n > 1 else steps[-1:]
    if n == 1:
        step, cards = kept[0]
        while len(cards) > 1 and weight(cards) > room:
            cards = cards[:-1]
        kept = [(step, cards)]
    return kept


def of_run(run, name, title, options, room, missing):
    steps = steps_of(run, options, missing)
    shown = fitting(steps, room)
    groups, left = (sum(len(cards) for _, cards in s) for s in (shown, steps))
    if groups < left:
        print(f"ril-report: {name}: {len(shown)} of {len(steps)} steps, {groups} of {left} groups are shown, for a page of {options.size:g} MB (--size)", file=sys.stderr)
    last = len(shown) - 1
    slider = (f'<label class="slider">step <input type="range" min="0" max="{last}" value="{last}" aria-label="step of {esc(name)}"><output></output></label>' if last else "")
    return f'<div class="gallery">{title}{slider}{"".join(html_of(*s) for s in shown)}</div>'


def of_arm(arm, options, room, missing):
    """The first seed that was recorded; the others folded up."""
    recorded = [(i, r) for i, r in enumerate(arm.runs) if r.recorded]
    out = []
    for n, (i, run) in enumerate(recorded):
        name = arm.name if len(arm.runs) == 1 else f"{arm.name}, seed {arm.label(i)}"
        title = f"<h3>{key(arm.number)}{esc(name)}</h3>"
        out.append(of_run(run, name, title, options, room, missing) if n == 0 else
                   f"<details><summary>{esc(name)}</summary>{of_run(run, name, title, options, room, missing)}</details>")
    return "".join(out)


def gallery(arms, options, taken):
    """taken: what the rest of the page is made of."""
    recorded = sum(bool(r.recorded) for a in arms for r in a.runs)
    if not options.groups or not recorded:
        return ""
    missing = set()
    room = max(0, options.size * 1e6 - weight(taken)) / recorded
    out = "".join(of_arm(a, options, room, missing) for a in arms)
    if missing:
        print(f"ril-report: {len(missing)} pictures were not found, the first at {min(missing)[:80]} (--image-root is the folder that paths are relative to)", file=sys.stderr)
    return section("answers", "Questions, answers, rewards", '<p class="note">D(q,o) is the discriminator\'s probability that a response is the student\'s; '
                   "similarity is 1 where it is taken for a teacher\'s. The advantage is the reward\'s distance from the group\'s mean.</p>" + out)
