"""report_arms_browser.py PAGE -- a page of arms in a headless Chromium: colours, names, the legend, what is told of several seeds."""
import re, sys

sys.dont_write_bytecode = True
from browser import browser, faults, fits, holds, js, look, press  # noqa: E402

# The colour of every arm wherever it is drawn, by what draws it.
COLOURS = """
const out = {};
const note = (e, property) => { const arm = [...e.classList].find(c => /^r\\d+$/.test(c)), s = getComputedStyle(e); (out[arm] = out[arm] || {})[s[property]] = e.outerHTML.slice(0, 60); };
document.querySelectorAll('.line, .raw, .bars').forEach(e => note(e, 'stroke'));
document.querySelectorAll('.mark, .spike, .band').forEach(e => note(e, 'fill'));
document.querySelectorAll('.key').forEach(e => note(e, 'backgroundColor'));
return out;"""
# Texts in a chart that lie on each other.
HEAPS = """
return [...document.querySelectorAll('.plot > svg')].flatMap(svg => { const t = [...svg.querySelectorAll('text')].map(e => [e.textContent, e.getBoundingClientRect()]);
	return t.flatMap(([a, p], i) => t.slice(0, i).filter(([b, q]) => p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 3 && q.top < p.bottom - 3).map(([b]) => [a, b])); });"""

page = sys.argv[1]
with browser():
    for points in 1200, 420:
        for theme in "light", "dark":
            look(page, points, theme)
            colours = js(COLOURS)
            holds(f"{points} points, {theme}: an arm has one colour in all panels, tables and the legend", len(colours) == 3 and all(len(c) == 1 for c in colours.values()))
            holds("and its own", len({next(iter(c)) for c in colours.values()}) == 3)
            heaps = js(HEAPS)
            holds(f"no text of a chart lies on another {heaps[:2]}", not heaps)
            holds("nor the legend on what was measured", js("""
                const l = document.querySelector('.legend').getBoundingClientRect();
                return [...document.querySelectorAll('.plot')].every(p => p.getBoundingClientRect().top > l.bottom) && !document.querySelector('.plot .legend')"""))
            holds("everything fits", fits())
    press(".panel:nth-child(2) .reader", "Home")
    said = js("return document.querySelector('.panel:nth-child(2) output').textContent")
    holds(f"of several seeds the mean is told, and the range: {said}", re.match(r"step 1: control, student [\d.]+ \([\d.]+ to [\d.]+\); ours, student [\d.]+ \([\d.]+ to [\d.]+\)", said))
    press(".panel .reader", "Home")
    said = js("return document.querySelector('.panel output').textContent")
    holds(f"what was evaluated once is told at every step: {said}", re.match(r"step 0: control [\d.]+ \([\d.]+ to [\d.]+\) at 10; ours", said))
    holds("what was evaluated once is a line from end to end, and named", js("""
        const svg = document.querySelector('.plot > svg'), line = svg.querySelector('.once').getBoundingClientRect(), name = [...svg.querySelectorAll('.name')];
        return line.width > .8 * svg.getBoundingClientRect().width && name.length === 1 && name[0].textContent === 'control' && Math.abs(name[0].getBoundingClientRect().bottom - line.top) < 24"""))
    holds("the browser found no fault", not faults())
