"""report_browser.py PAGE HOSTILE -- ril-report's page in a headless Chromium, used as people do."""
import re, sys, time

sys.dont_write_bytecode = True
from browser import CONTRAST, browser, devtools, faults, fits, holds, js, key, look, press, visit, wish  # noqa: E402


def looked_at(width):
    for theme in "light", "dark":
        look(page, width, theme)
        dark = js("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0] < 90")
        holds(f"{width} points, {theme}: its ground", dark == (theme == "dark"))
        least, where = js(CONTRAST)
        holds(f"{width} points, {theme}: text can be read, contrast {least:.1f} at {where}", least >= 4.5)
    holds(f"{width} points: nothing is wider than the page", fits())
    holds(f"{width} points: responses have room", js(
        "return Math.min(...[...document.querySelectorAll('.step:not([hidden]) .answers .text')].map(e => e.getBoundingClientRect().width))") >= 180)
    holds(f"{width} points: no word of a table is broken", js(
        "return [...document.querySelectorAll('.wide thead th')].every(e => e.getBoundingClientRect().height < 60)"))
    cut = js("""
        return [...document.querySelectorAll('.plot > svg')].flatMap(s => { const b = s.getBoundingClientRect();
            return [...s.querySelectorAll('text')].filter(t => { const c = t.getBoundingClientRect();
                return c.left < b.left - 1 || c.right > b.right + 1 || c.bottom > b.bottom + 3; }).map(t => t.textContent); })""")
    holds(f"{width} points: no word of a curve is cut {cut}", not cut)
    holds(f"{width} points: axes can be read", js(
        "const t = document.querySelector('svg text.y'); return t.getBoundingClientRect().height") >= 9)


def used():
    shown = "return [...document.querySelectorAll('.gallery')].map(g => [...g.querySelectorAll('.step')].filter(s => !s.hidden).map(s => s.dataset.step).join())"
    holds("the last step is shown first", js(shown) == ["4", "4"])
    press(".gallery input", "ArrowLeft")
    holds("the slider moves a step back", js(shown) == ["3", "4"])
    holds("and tells so", js("const g = document.querySelector('.gallery'); return [g.querySelector('output').textContent, g.querySelector('input').getAttribute('aria-valuetext')]")
          == ["3", "step 3"])
    press(".panel .reader", "Home")
    out = js("return document.querySelector('.panel output').textContent")
    holds(f"a curve is read by keys: {out}", re.fullmatch(r"step 0: of-2 [\d.]+; of-4 [\d.]+", out))
    press(".panel .reader", "ArrowRight")
    holds("and on", js("return document.querySelector('.panel output').textContent").startswith("step 2: "))
    holds("under the pointer too", js("""
        const svg = document.querySelectorAll('.plot > svg')[1], box = svg.getBoundingClientRect();
        svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.right - 12, clientY: box.top + 20}));
        return svg.closest('figure').querySelector('output').textContent""").startswith("step 4: of-2, student "))
    js("document.querySelector('details').open = true")
    holds("settings open without the page widening", js("return document.documentElement.scrollWidth <= innerWidth"))


# One press of the tabulator after another, from the page's top to its end: what has the focus, and how one sees that it has.
FOCUSED = """
const e = document.activeElement, seen = e.matches('.reader') ? e.nextElementSibling : e, box = seen.getBoundingClientRect();
return [e.tagName, e.getAttribute('aria-label') || e.textContent.trim().slice(0, 40), getComputedStyle(seen).outlineStyle !== 'none' && parseFloat(getComputedStyle(seen).outlineWidth) >= 2,
    box.width > 0 && box.bottom > 0 && box.top < innerHeight, e.matches(':focus-visible')];"""


def walked():
    wish("prefers-reduced-motion", "reduce")
    visit(page)
    stops = []
    while len(stops) < 400:
        key("Tab")
        stop = js(FOCUSED)
        if stop[0] == "BODY" or stops and stop[:2] == stops[0][:2]:
            break
        stops.append(stop)
    unseen = [s for s in stops if not (s[2] and s[3] and s[4])]
    holds(f"the tabulator comes to {len(stops)} places, each is seen {unseen[:2]}", len(stops) > 20 and not unseen)
    names = [s[1] for s in stops]
    controls = js("return [...document.querySelectorAll('nav a, input, summary')].filter(e => e.checkVisibility()).map(e => e.getAttribute('aria-label') || e.textContent.trim().slice(0, 40))")
    passed = [n for n in names if n in controls]
    holds(f"and to everything that can be used, in the page's order {[pair for pair in zip(passed, controls) if pair[0] != pair[1]][:2]}", passed == controls)
    press(".numbers summary", "Enter")
    holds("a chart's numbers open by the keyboard", js("return document.querySelector('.numbers').open"))
    holds("without the page widening", js("return document.documentElement.scrollWidth <= innerWidth"))


def numbers():
    """What a chart shows and what its table has are the same."""
    holds("every chart has a table", js("return [...document.querySelectorAll('.panel')].every(p => p.querySelectorAll('.numbers table').length === 1 && p.querySelector('.numbers table').rows.length > 3)"))
    own = js("""
        const panel = [...document.querySelectorAll('.panel')].find(p => p.querySelector('h3').textContent === 'Answer reward'), table = panel.querySelector('.numbers table');
        return [JSON.parse(panel.querySelector('script').textContent).map(s => s.p), [...table.rows].map(r => [...r.cells].map(c => c.textContent)), [...table.rows].every(r => r.cells[0].scope)]""")
    drawn, rows, named = own
    holds("its first row and column name the others", named and rows[0][0] == "step")
    by_step = {r[0]: r[1:] for r in rows}
    holds("its cells are the curves'", all(abs(float(by_step[str(x)][i]) - y) < 6e-4 for i, points in enumerate(drawn) for x, y in points))
    holds("and their ends", all(abs(float(by_step["highest"][i].split()[0]) - max(y for _, y in points)) < 6e-4 for i, points in enumerate(drawn)))


def settings_of_readers():
    rule = "return [...document.styleSheets].flatMap(s => [...s.cssRules]).filter(r => r.conditionText && r.conditionText.includes(arguments[0])).length"
    holds("what moves, moves only where that is liked", js(rule, "prefers-reduced-motion") == 1 and js("return document.getAnimations().length") == 0)
    for value, behaviour in ("reduce", "auto"), ("no-preference", "smooth"):
        wish("prefers-reduced-motion", value)
        holds(f"motion, {value}: pages scroll {behaviour}", js("return getComputedStyle(document.documentElement).scrollBehavior") == behaviour)
    devtools("Emulation.setDeviceMetricsOverride", width=720, height=1000, deviceScaleFactor=1, mobile=False)
    devtools("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    least, where = js(CONTRAST)
    holds(f"on paper: ink on white, contrast {least:.1f} at {where}", js("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)" and least >= 4.5)
    holds("on paper: nothing that moves", js("return [...document.querySelectorAll('nav, input, .panel output')].every(e => !e.checkVisibility())"))
    holds("on paper: nothing is wider than it", js("return document.documentElement.scrollWidth <= innerWidth"))
    devtools("Emulation.setEmulatedMedia", media="", features=[])


def heard():
    holds("every curve says in words what it shows", js("return document.querySelectorAll('svg[role=img]').length > 10 && [...document.querySelectorAll('svg[role=img]')].every(s => /from|at step/.test(s.getAttribute('aria-label')))"))
    holds("every picture has a text", js("return [...document.images].every(i => i.alt)"))
    holds("every picture can be drawn", js("return Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode().then(() => true, () => false); })).then(all => all.every(Boolean))"))
    holds("every input has a name", js("return [...document.querySelectorAll('input')].every(i => i.getAttribute('aria-label'))"))
    js("const r = document.querySelector('.reader'); r.focus(); r.value = 0; r.dispatchEvent(new Event('input'))")
    holds("a curve's slider tells its values", js("return document.querySelector('.reader').getAttribute('aria-valuetext')").startswith("step 0: of-2 "))
    holds("parts of the page are named", js("return [...document.querySelectorAll('section[aria-labelledby], nav')].every(s => s.ariaLabel || document.getElementById(s.getAttribute('aria-labelledby')))"))
    holds("links lead to parts", js("const a = [...document.querySelectorAll('nav a')]; return a.length >= 4 && a.every(a => document.querySelector(a.getAttribute('href')))"))
    holds("headings go down one by one", js("""
        const levels = [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1]);
        return levels[0] === 1 && levels.every((l, i) => i === 0 || l <= levels[i - 1] + 1)"""))


page, hostile = sys.argv[1:3]
with browser():
    for points in 1200, 420:
        looked_at(points)
        used()
        walked()
    numbers()
    heard()
    settings_of_readers()
    holds("the browser found no fault", not faults())
    visit(hostile)
    time.sleep(.2)
    holds("what a run says is not run", js("return document.title") == "Runs of RIL: <img src=y onerror=alert(1)>" and js("return document.querySelectorAll('img[src=x], img[src=y]').length") == 0)
