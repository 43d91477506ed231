"""report_browser.py PAGE HOSTILE -- ril-report's page in a headless Chromium, by chromedriver's own protocol: a line "ok WHAT" for each
thing that holds, exit 1 at the first that does not."""
import json, os, re, subprocess, sys, time, urllib.error, urllib.request

driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
port = None
for line in driver.stdout:
    found = re.search(r"started successfully on port (\d+)", line)
    if found:
        port = found.group(1)
        break


def call(method, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["value"]
    except urllib.error.HTTPError as e:
        raise SystemExit(f"{path}: {e.read().decode()[:300]}") from None


def js(script, *args):
    return call("POST", f"{session}/execute/sync", {"script": script, "args": list(args)})


def devtools(command, **params):
    return call("POST", f"{session}/goog/cdp/execute", {"cmd": command, "params": params})


def press(selector, key):
    """A key that goes to an element, as one who has tabbed to it would press it."""
    js("document.querySelector(arguments[0]).focus()", selector)
    for kind in "keyDown", "keyUp":
        devtools("Input.dispatchKeyEvent", type=kind, key=key, code=key, **({"text": "\r"} if (key, kind) == ("Enter", "keyDown") else {}), windowsVirtualKeyCode={"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Enter": 13}[key])


def holds(what, true):
    if not true:
        raise SystemExit(f"not so: {what}")
    print("ok", what)


# The lowest contrast of text with what lies behind it, as WCAG computes it.
CONTRAST = """
const channels = c => (c.match(/[\\d.]+/g) || []).map(Number);
const light = c => { const [r, g, b] = channels(c).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (channels(c)[3] !== 0) return c; } return 'rgb(255,255,255)'; };
let least = 21, where = '';
for (const e of document.querySelectorAll('h1,h2,h3,h4,p,th,td,span,li,summary,output,pre,svg text')) {
	if (!e.textContent.trim() || !e.getClientRects().length) continue;
	const style = getComputedStyle(e), a = light(e.tagName === 'text' ? style.fill : style.color), b = light(ground(e));
	const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
	if (ratio < least) { least = ratio; where = e.outerHTML.slice(0, 80); }
}
return [least, where];"""


def looked_at(width):
    devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    for theme in "light", "dark":
        devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        call("POST", f"{session}/url", {"url": page})
        dark = js("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0] < 90")
        holds(f"{width} points, {theme}: its ground", dark == (theme == "dark"))
        least, where = js(CONTRAST)
        holds(f"{width} points, {theme}: text can be read, contrast {least:.1f} at {where}", least >= 4.5)
    holds(f"{width} points: nothing is wider than the page", js("return document.documentElement.scrollWidth <= innerWidth"))
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
    devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    call("POST", f"{session}/url", {"url": page})
    stops = []
    while len(stops) < 400:
        for kind in "rawKeyDown", "keyUp":
            devtools("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
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
    for wish, behaviour in ("reduce", "auto"), ("no-preference", "smooth"):
        devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": wish}])
        holds(f"motion, {wish}: pages scroll {behaviour}", js("return getComputedStyle(document.documentElement).scrollBehavior") == behaviour)
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


page, hostile = ("file://" + os.path.abspath(p) for p in sys.argv[1:3])
session = None
try:
    made = call("POST", "/session", {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {
        "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]}, "goog:loggingPrefs": {"browser": "ALL"}}}})
    session = f"/session/{made['sessionId']}"
    for width in 1200, 420:
        looked_at(width)
        used()
        walked()
    numbers()
    heard()
    settings_of_readers()
    said = call("POST", f"{session}/se/log", {"type": "browser"})
    holds("the browser found no fault", not [m for m in said if m["level"] == "SEVERE"])
    call("POST", f"{session}/url", {"url": hostile})
    time.sleep(.2)
    holds("what a question says is not run", js("return document.title") != "run" and js("return document.querySelectorAll('img[src=x]').length") == 0)
finally:
    if session:
        call("DELETE", session)
    driver.terminate()
