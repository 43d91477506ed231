"""chart.py -- a picture of curves, and the same in words and numbers.

A series is a dict: arm (its number), name, what, dashed, runs (a curve for each seed), few (points that are marked each: evaluations), and of
evaluations band [(x, low, high)].  Thin lines are what each run measured, the thick one the mean of a window of it, over runs; with
several runs a band reaches from the lowest to the highest of them.  Intervals of evaluations are bars, side by side, or of one arm with many
a band.  What a few spikes would make flat is cut, each spike marked, and left out of the thick line."""
import json, math

from .points import every, smooth, thin, together, top_of, windows
from .text import esc, look, number, table

W, H, LEFT, RIGHT, TOP, BOTTOM = 440, 240, 58, 14, 16, 34
PIXELS = W - LEFT - RIGHT
MARKS = ["M-3.5-3.5h7v7h-7z", "M0-4.5L4.5 3.5H-4.5z", "M0-5L5 0L0 5L-5 0z", "M-4-1.2h2.8v-2.8h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8z"]
ALONE = ("all", "held out", "groups")  # of what there is one kind in a panel


def mark(arm):
    """Colours come again after eight arms, colour and mark together after 32."""
    return MARKS[(arm + arm // 8) % len(MARKS)]


def ticks(low, high, about=5):
    raw = (high - low) / about
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= raw * .999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, int(math.floor(high / step + 1e-9)) + 1)]


def alone(s):
    """Was every run of it measured once only?"""
    return all(len(r) == 1 for r in s["runs"])


def mean_of(s):
    return [(x, y) for x, y, _, _ in together(s["runs"])] or s["runs"][0]


# ---- words and numbers ----
def who(s):
    return s["name"] + ("" if s["what"] in ALONE else f", {s['what']}")


def told(s):
    """A series in words, for those who do not see it."""
    p = mean_of(s)
    most = max(((x, y) for r in s["runs"] for x, y in r), key=lambda q: q[1])
    seeds = f" (mean of {len(s['runs'])} seeds)" if len(s["runs"]) > 1 else ""
    if len(p) == 1:
        return f"{who(s)}{seeds}: {number(p[0][1])} at step {p[0][0]}"
    return f"{who(s)}{seeds}: from {number(p[0][1])} at step {p[0][0]} to {number(p[-1][1])} at step {p[-1][0]}, at most {number(most[1])} at step {most[0]}"


def cell(s, a, b):
    """A series from step a to b: the mean over steps and runs, and of several runs the least and the greatest."""
    means = []
    for run in s["runs"]:
        ys = [y for x, y in run if a <= x <= b]
        if ys:
            means.append(sum(ys) / len(ys))
    if not means:
        return ""
    return number(sum(means) / len(means)) + (f' <span class="ci">{number(min(means))} – {number(max(means))}</span>' if len(means) > 1 else "")


def numbers(title, series):
    """The table below a chart."""
    rows = [[str(a) if a == b else f"{a} – {b}"] + [cell(s, a, b) for s in series] for a, b in windows({x for s in series for r in s["runs"] for x, _ in r})]
    for word, choose in ("lowest", min), ("highest", max):
        ends = [choose((p for r in s["runs"] for p in r), key=lambda p: p[1]) for s in series]
        rows.append([word] + [f'{number(y)} <span class="ci">step {x}</span>' for x, y in ends])
    several = any(len(s["runs"]) > 1 for s in series)
    head = ["step"] + [f'<i class="key {look(s["arm"])}"></i>{esc(who(s))}' for s in series]
    return (f'<details class="numbers"><summary>Numbers<span class="hidden"> of {esc(title)}</span></summary>{table("Numbers of " + title, head, rows)}'
            + ('<p class="note">Means, from the lowest to the highest seed.</p>' if several else "") + "</details>")


# ---- the picture ----
class Frame:
    """Where values are in the picture; values above top are cut."""
    def __init__(self, series):
        xs = [x for s in series for r in s["runs"] for x, _ in r]
        ys = [y for s in series for r in s["runs"] for _, y in r]
        few = any(s.get("few") for s in series)
        self.most, self.top = max(ys), None if few else top_of(ys)
        ys = [min(y, self.top) for y in ys] if self.top is not None else ys
        ys += [y for s in series for b in s.get("band", []) for y in b[1:]]
        x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
        if x0 == x1:  # measured once: from the start on
            x0, x1 = min(0, x0), max(1, x1)
        self.ends = x0, x1
        if few:  # room for intervals that are side by side
            x0, x1 = x0 - (x1 - x0) * .05, x1 + (x1 - x0) * .05
        if 0 <= y0 and y0 < .5 * y1 and not few:
            y0 = 0
        pad = (y1 - y0) * .06 or max(abs(y1) * .1, .05)
        self.x0, self.x1, self.y0, self.y1 = x0, x1, max(0, y0 - pad) if y0 >= 0 else y0 - pad, y1 + pad

    def x(self, x):
        return LEFT + (x - self.x0) / (self.x1 - self.x0) * PIXELS

    def y(self, y):
        return H - BOTTOM - (y - self.y0) / (self.y1 - self.y0) * (H - TOP - BOTTOM)

    def path(self, points):
        return "M" + "L".join(f"{short(self.x(x))} {short(self.y(y))}" for x, y in points)

    def area(self, band):
        return self.path([(x, low) for x, low, _ in band] + [(x, high) for x, _, high in reversed(band)]) + "Z"


def short(v):
    text = f"{v:.1f}"
    return text[:-2] if text.endswith(".0") else text


def axes(f):
    out = []
    for y in ticks(f.y0, f.y1):
        out.append(f'<path class="grid" d="M{LEFT} {short(f.y(y))}H{W - RIGHT}"/><text class="y" x="{LEFT - 6}" y="{short(f.y(y) + 4)}">{number(y)}</text>')
    for x in (t for t in ticks(*f.ends, 6) if t == int(t)):
        half = 4 * len(str(int(x))) + 1  # of its text, which the edge must not cut
        out.append(f'<path class="tick" d="M{short(f.x(x))} {H - BOTTOM}v4"/><text class="x" x="{short(min(f.x(x), W - half))}" y="{H - BOTTOM + 17}">{int(x)}</text>')
    return "".join(out) + f'<text class="x" x="{(LEFT + W - RIGHT) / 2}" y="{H - 3}">step</text>'


BARS = 12  # at most so many evaluations have a bar each


def aside(x, s):
    """Where the interval of an evaluation is: beside those of other arms."""
    return x + 5 * (s["place"] - (s["places"] - 1) / 2)


def bars(f, s, kind):
    out = []
    for x, low, high in every(s["band"], max(2, min(BARS, 60 // s["places"]))):
        at, a, b = short(aside(f.x(f.ends[1] if alone(s) else x), s)), short(f.y(low)), short(f.y(high))
        out.append(f"M{at} {a}V{b}m-3 0h6M{short(float(at) - 3)} {a}h6")
    return f'<path class="bars {kind}" d="{"".join(out)}"/>' if out else ""


def held_out(f, s, kind, parts):
    """Intervals, and of what was evaluated once, which belongs to no step, a line across."""
    thick = f'<path class="line once {kind}" d="M{LEFT} {short(f.y(mean_of(s)[0][1]))}H{W - RIGHT}"/>' if alone(s) else ""
    if s["places"] > 1 or len(s["band"]) <= BARS:
        return bars(f, s, kind), thick
    return f'<path class="band {kind}" d="{f.area(every(s["band"], parts // 2))}"/>', thick


def shapes(f, s, parts):
    """A series as three layers: its band; what its runs measured; the mean with its marks."""
    kind = look(s["arm"]) + (" dashed" if s["dashed"] else "")
    smoothed = s["runs"] if s.get("few") else [smooth([p for p in r if p[1] <= f.y1] or r) for r in s["runs"]]
    mean = [(x, y) for x, y, _, _ in together(smoothed)] or smoothed[0]
    below, thick = held_out(f, s, kind, parts) if s.get("few") else ("", "")
    if len(smoothed) > 1 and not s.get("few"):
        below = f'<path class="band {kind}" d="{f.area(every([(x, low, high) for x, _, low, high in together(smoothed)] or [(*mean[0], mean[0][1])], parts // 2))}"/>'
    raw = [r for r, m in zip(s["runs"], smoothed) if len(r) > 1 and (len(s["runs"]) > 1 or m is not r)]
    measured = "".join(f'<path class="raw {kind}" d="{f.path(thin(r, parts))}"/>' for r in raw)
    if len(mean) > 1:
        thick += f'<path class="line {kind}" d="{f.path(every(mean, parts // 2))}"/>'
    return below, measured, thick, mean


def marks(f, s, mean):
    at = mean if s.get("few") or len(mean) == 1 else [mean[-1]]
    return "".join(f'<path class="mark {look(s["arm"])}" transform="translate({short(f.x(x))} {short(f.y(y))})" d="{mark(s["arm"])}"/>' for x, y in at)


def spikes(f, s):
    if f.top is None:
        return ""
    at = sorted({round(f.x(x)) for r in s["runs"] for x, y in r if y > f.y1})
    at = [x for i, x in enumerate(at) if i == 0 or x - at[i - 1] > 1]
    return "".join(f'<path class="spike {look(s["arm"])}" d="M{x - 4} {TOP + 1}h8l-4-8z"/>' for x in at)


class Names:
    """Names beside lines across the picture, each where it hides least."""
    def __init__(self, f, curves):
        self.f, self.taken = f, []
        for points in curves:
            for (xa, ya), (xb, yb) in zip(points, points[1:]):
                n = max(1, int(abs(f.x(xb) - f.x(xa)) / 4))
                self.taken += [(f.x(xa + (xb - xa) * k / n), f.y(ya + (yb - ya) * k / n)) for k in range(n + 1)]

    def put(self, s, y):
        text = s["name"] if len(s["name"]) <= 24 else s["name"][:23] + "…"
        wide, line = len(text) * 6.8, self.f.y(y)
        spots = [(x, up) for x in (LEFT + 5, LEFT + (PIXELS - wide) / 2, W - RIGHT - 5 - wide) for up in (-5, 14) if TOP + 8 < line + up < H - BOTTOM - 3]
        if not spots:
            return ""
        def hidden(spot):
            x, up = spot
            return sum(1 for px, py in self.taken if x - 3 <= px <= x + wide + 3 and line + up - 12 <= py <= line + up + 4)
        x, up = min(spots, key=hidden)
        self.taken += [(x + wide * k / 20, line + up - j) for k in range(21) for j in (0, 4, 8)] * 3
        return f'<text class="name {look(s["arm"])}" x="{short(x)}" y="{short(line + up)}">{esc(text)}</text>'


def chart(series, f, label, parts):
    layers = [shapes(f, s, parts) for s in series]
    across = [(s, layer[3]) for s, layer in zip(series, layers) if s.get("few") and alone(s)]
    names = Names(f, [layer[3] for layer in layers] + [[(f.x0, m[0][1]), (f.x1, m[0][1])] for _, m in across])
    plot = "".join(layer[i] for i in range(3) for layer in layers)
    many = ' class="many"' if sum(len(s["runs"]) for s in series) > 4 else ""
    out = [f'<svg{many} viewBox="0 0 {W} {H}" role="img" aria-label="{esc(label)}" data-x="{f.x0} {f.x1}">{axes(f)}',
           f'<svg x="{LEFT}" y="{TOP}" width="{PIXELS}" height="{H - TOP - BOTTOM}" viewBox="{LEFT} {TOP} {PIXELS} {H - TOP - BOTTOM}">{plot}</svg>']
    for s, layer in zip(series, layers):
        out.append(marks(f, s, [p for p in layer[3] if p[1] <= f.y1]) if not (s.get("few") and alone(s)) and any(p[1] <= f.y1 for p in layer[3]) else "")
        out.append(spikes(f, s))
    out += [names.put(s, mean[0][1]) for s, mean in across]
    return "".join(out) + '<path class="cross" d=""/></svg>'


def readings(s):
    """What is told under the pointer: [step, value] or, of several runs, [step, mean, least, greatest]."""
    points = together(s["runs"]) or together(s["runs"][:1])
    kept = {x for x, _ in thin([(x, y) for x, y, _, _ in points], 150)}
    return [[x, *(float(f"{v:.4g}") for v in ((y, low, high) if len(s["runs"]) > 1 else (y,)))] for x, y, low, high in points if x in kept]


def panel(title, unit, series, parts):
    """A figure: chart, how to read it, what is under the pointer, numbers."""
    for i, s in enumerate(series):
        s["place"], s["places"] = i, len(series)
    f = Frame(series)
    lines = sorted({(s["what"], s["dashed"]) for s in series}, key=lambda k: k[1])
    kinds = "".join(f'<span class="kind{" dashed" if d else ""}">{esc(w)}</span>' for w, d in lines) if len(lines) > 1 else ""
    cut = f'<span class="kind cut">spikes, up to {number(f.most)}</span>' if f.top is not None else ""
    data = [{"n": s["name"], "w": "" if s["what"] in ALONE else s["what"], "p": readings(s)} for s in series]
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (f'<figure class="panel"><figcaption><h3>{esc(title)}</h3><span class="unit">{esc(unit)}</span>{kinds}{cut}</figcaption><div class="plot">'
            f'<input type="range" class="reader" hidden aria-label="step of {esc(title)}">{chart(series, f, title + ". " + "; ".join(map(told, series)), parts)}</div>'
            f'<output></output><script type="application/json">{text}</script>{numbers(title, series)}</figure>')
