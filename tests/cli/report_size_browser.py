"""report_size_browser.py LONG LARGE -- pages of long runs and of large pictures in a headless Chromium."""
import sys

sys.dont_write_bytecode = True
from browser import browser, faults, fits, holds, js, look, press  # noqa: E402

CUT = """
return [...document.querySelectorAll('.plot > svg')].flatMap(s => { const b = s.getBoundingClientRect(); return [...s.querySelectorAll('text')].filter(t => {
	const c = t.getBoundingClientRect(); return c.left < b.left - 1 || c.right > b.right + 1; }).map(t => t.textContent); })"""

long, large = sys.argv[1:3]
with browser():
    for points in 1200, 420:
        look(long, points, "light")
        took = js("const [n] = performance.getEntriesByType('navigation'); return n.loadEventEnd - n.startTime")
        holds(f"{points} points: it opens in {took:.0f} ms", took < 10000)
        cut = js(CUT)
        holds(f"no number of an axis is cut {cut}", not cut)
        holds("it fits", fits())
    press(".panel:nth-child(5) .reader", "End")
    said = js("return document.querySelector('.panel:nth-child(5) output').textContent")
    holds(f"values of all runs are told, some of a step nearby: {said}", all(f"run-{r} " in said for r in range(8)))
    look(large, 1200, "light")
    holds("large pictures are drawn", js("return Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode().then(() => true, () => false); })).then(all => all.length > 6 && all.every(Boolean))"))
    holds("the browser found no fault", not faults())
