"""points.py -- curves as lists of (x, y) in the order of x."""
import math


def smooth(points):
    """The mean of a window around each point: a twentieth of the curve on both sides."""
    half = len(points) // 20
    if half < 1:
        return points
    sums = [0]
    for _, y in points:
        sums.append(sums[-1] + y)
    out = []
    for i, (x, _) in enumerate(points):
        a, b = max(0, i - half), min(len(points), i + half + 1)
        out.append((x, (sums[b] - sums[a]) / (b - a)))
    return out


def together(curves):
    """Of several curves (x, mean, least, greatest) where all of them have a point."""
    if len(curves) == 1:
        return [(x, y, y, y) for x, y in curves[0]]
    tables = [dict(c) for c in curves]
    out = []
    for x in sorted(set(tables[0]).intersection(*tables[1:])):
        ys = [t[x] for t in tables]
        out.append((x, sum(ys) / len(ys), min(ys), max(ys)))
    return out


def thin(points, parts):
    """At most two points of each of so many equal parts of the range, the least and the greatest: no spike is lost."""
    if len(points) <= 2 * parts:
        return points
    x0, width = points[0][0], (points[-1][0] - points[0][0]) / parts or 1
    out, i = [], 0
    while i < len(points):
        part = min(parts - 1, int((points[i][0] - x0) / width))
        end = i + 1
        while end < len(points) and min(parts - 1, int((points[end][0] - x0) / width)) == part:
            end += 1
        both = sorted({min(range(i, end), key=lambda k: points[k][1]), max(range(i, end), key=lambda k: points[k][1])})
        out += [points[k] for k in both]
        i = end
    return out


def every(points, most):
    """At most so many of them, evenly, with the first and the last."""
    if len(points) <= most:
        return points
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


def top_of(values):
    """Where to cut what a few spikes would make flat, None where nothing is: values of at least 30 of which 97 in 100 are less than a third
    of the greatest."""
    ordered = sorted(values)
    if len(ordered) < 30 or ordered[0] < 0:
        return None
    most = ordered[min(len(ordered) - 1, math.ceil(len(ordered) * .97) - 1)]
    return 1.5 * most if most > 0 and ordered[-1] > 3 * most else None


def windows(xs, most=12):
    """Pairs (from, to) of x: each alone if they are few, else so many windows."""
    xs = sorted(xs)
    if len(xs) <= most + 4:
        return [(x, x) for x in xs]
    edges = [round(i * len(xs) / most) for i in range(most + 1)]
    return [(xs[a], xs[b - 1]) for a, b in zip(edges, edges[1:])]
