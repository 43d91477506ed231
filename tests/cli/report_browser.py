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
    for kind in "rawKeyDown", "keyUp":
        devtools("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode={"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Enter": 13}[key])


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


def heard():
    holds("every curve says in words what it shows", js("return [...document.querySelectorAll('svg[role=img]')].every(s => /from|at step/.test(s.getAttribute('aria-label')))"))
    holds("every picture has a text", js("return [...document.images].every(i => i.alt)"))
    holds("every picture can be drawn", js("return Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode().then(() => true, () => false); })).then(all => all.every(Boolean))"))
    holds("every input has a name", js("return [...document.querySelectorAll('input')].every(i => i.getAttribute('aria-label'))"))
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
    heard()
    said = call("POST", f"{session}/se/log", {"type": "browser"})
    holds("the browser found no fault", not [m for m in said if m["level"] == "SEVERE"])
    call("POST", f"{session}/url", {"url": hostile})
    time.sleep(.2)
    holds("what a question says is not run", js("return document.title") != "run" and js("return document.querySelectorAll('img[src=x]').length") == 0)
finally:
    if session:
        call("DELETE", session)
    driver.terminate()
