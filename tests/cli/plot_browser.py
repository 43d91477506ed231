"""plot_browser.py PICTURE.svg -- ril-plot's picture in a headless Chromium: its texts overlap neither one another nor the picture's edge,
and at half its size none is lower than nine points.  A line "ok WHAT" for each, exit 1 at the first that does not hold."""
import html, json, os, re, subprocess, sys, tempfile

MEASURE = """<script>
const boxes = [...document.querySelectorAll('svg text')].filter(t => t.textContent.trim()).map(t => {
	const b = t.getBoundingClientRect(); return [t.textContent.trim(), b.left, b.top, b.right, b.bottom]; });
document.title = 'measured'; document.body.innerHTML = ''; document.body.append(Object.assign(document.createElement('pre'), {textContent: JSON.stringify(boxes)}));
</script>"""
with open(sys.argv[1], encoding="utf-8") as f:
    svg = f.read()
width, height = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups())
half = [width // 2, height // 2]
with tempfile.TemporaryDirectory() as work:
    page = os.path.join(work, "page.html")
    with open(page, "w", encoding="utf-8") as f:
        f.write(f'<meta charset="utf-8"><body style="margin:0"><div style="width:{half[0]}px">' + svg[svg.index("<svg"):] + "</div>" + MEASURE)
    said = subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={work}/profile", "--dump-dom", "file://" + page],
                          capture_output=True, text=True, timeout=80, check=True).stdout
boxes = json.loads(html.unescape(re.search(r"<pre>(.*?)</pre>", said, re.S).group(1)))


def holds(what, true):
    if not true:
        raise SystemExit(f"not so: {what}")
    print("ok", what)


holds(f"{len(boxes)} texts", len(boxes) > 40)
smallest = min(b[4] - b[2] if b[3] - b[1] > b[4] - b[2] or len(b[0]) < 4 else b[3] - b[1] for b in boxes)
holds(f"at half its size a text is {smallest:.1f} points high", smallest >= 9)
outside = [b[0] for b in boxes if b[1] < 0 or b[2] < 0 or b[3] > half[0] or b[4] > half[1]]
holds(f"none passes the edge {outside}", not outside)
over = [(a[0], b[0]) for i, a in enumerate(boxes) for b in boxes[i + 1:]
        if min(a[3], b[3]) - max(a[1], b[1]) > 1 and min(a[4], b[4]) - max(a[2], b[2]) > 1.5]
holds(f"none overlaps another {over[:5]}", not over)
