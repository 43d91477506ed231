"""text.py -- numbers and texts as HTML shows them; tables."""
import html, math


class Mistake(Exception):
    """A message for the user, and the exit status."""
    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


def esc(s):
    return html.escape(str(s), quote=True)


def number(x):
    """Three significant digits, without an exponent where there need not be one."""
    if x is None or not math.isfinite(x):
        return "–"
    if x == 0 or .001 <= abs(x) < 1e5:
        digits = 0 if x == 0 else max(0, 2 - math.floor(math.log10(abs(x))))
        text = f"{x:.{min(digits, 5)}f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")
    digits, power = f"{x:.2e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}".replace("-", "−")


def interval(low, high):
    return f'<span class="ci">{number(low)} – {number(high)}</span>' if low is not None and high is not None else ""


def look(i):
    """The classes of the i-th arm: its colour in everything that is drawn."""
    return f"r{i % 8}"


def key(i):
    return f'<i class="key {look(i)}"></i>'


def table(label, head, rows, kind=""):
    """A table that scrolls in a frame of its own; cells are HTML, the first of a row names it.  Kind cards: on a phone a block a row."""
    def cell(h, c):
        return f'<td data-of="{h}">{c}' if kind == "cards" else f"<td>{c}"
    top = "".join(f"<th scope=col>{h}" for h in head)
    body = "".join("<tr><th scope=row>" + row[0] + "".join(map(cell, head[1:], row[1:])) + "</tr>" for row in rows)
    return (f'<div class="wide" tabindex="0" role="region" aria-label="{esc(label)}"><table{f" class={kind}" if kind else ""}><thead><tr>{top}</thead>'
            f"<tbody>{body}</tbody></table></div>")


def section(name, title, body):
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{esc(title)}</h2>{body}</section>'
