"""browser.py -- a headless Chromium for tests, by chromedriver's own protocol.

    with browser():
        look(page, 420, "dark")
        holds("a title", js("return document.title"))

holds prints a line "ok WHAT" for each thing that holds, and ends with 1 at the first that does not."""
import contextlib, json, os, re, subprocess, urllib.error, urllib.request

at = {"port": None, "session": None}
KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Enter": 13}


def call(method, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{at['port']}{path}", method=method, data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["value"]
    except urllib.error.HTTPError as e:
        raise SystemExit(f"{path}: {e.read().decode()[:300]}") from None


@contextlib.contextmanager
def browser():
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        at["port"] = next(found.group(1) for found in (re.search(r"started successfully on port (\d+)", line) for line in driver.stdout) if found)
        made = call("POST", "/session", {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]}, "goog:loggingPrefs": {"browser": "ALL"}}}})
        at["session"] = f"/session/{made['sessionId']}"
        yield
    finally:
        if at["session"]:
            call("DELETE", at["session"])
        driver.terminate()


def js(script, *args):
    return call("POST", f"{at['session']}/execute/sync", {"script": script, "args": list(args)})


def devtools(command, **params):
    return call("POST", f"{at['session']}/goog/cdp/execute", {"cmd": command, "params": params})


def visit(page):
    call("POST", f"{at['session']}/url", {"url": "file://" + os.path.abspath(page)})


def wish(name, value):
    """What a reader's system is set to, as prefers-color-scheme."""
    devtools("Emulation.setEmulatedMedia", features=[{"name": name, "value": value}])


def look(page, width, theme):
    devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    wish("prefers-color-scheme", theme)
    visit(page)


def key(name):
    for kind in "keyDown", "keyUp":
        text = {"text": "\r"} if (name, kind) == ("Enter", "keyDown") else {}
        devtools("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=KEYS[name], **text)


def press(selector, name):
    """A key that goes to an element, as one who has tabbed to it would press it."""
    js("document.querySelector(arguments[0]).focus()", selector)
    key(name)


def faults():
    """What the browser found wrong with pages."""
    return [m for m in call("POST", f"{at['session']}/se/log", {"type": "browser"}) if m["level"] == "SEVERE"]


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


def fits():
    """Nothing is wider than the page, with everything unfolded too."""
    wide = "return document.documentElement.scrollWidth <= innerWidth"
    folded = js(wide)
    js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    unfolded = js(wide)
    js("document.querySelectorAll('details').forEach(d => { d.open = false; })")
    return folded and unfolded
