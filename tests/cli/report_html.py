"""report_html.py PAGE -- is it well-formed?  Elements are closed in their order (but for those that HTML closes by itself), names are
given once, and references lead to one.  Exit 1 and a line at the first fault."""
import html.parser, sys

ALONE = {"meta", "img", "input", "br", "link", "hr"}
CLOSES = {"td": {"td", "th"}, "th": {"td", "th"}, "tr": {"td", "th", "tr"}, "tbody": {"td", "th", "tr"}, "p": {"p"}}  # by beginning
ENDS = {"thead": {"th", "td", "tr"}, "tbody": {"td", "th", "tr"}, "tr": {"td", "th"}, "table": {"td", "th", "tr"}}  # by ending
SHAPES = {"path", "text", "svg", "circle"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.names, self.refers = [], [], []

    def fault(self, what):
        sys.exit(f"line {self.getpos()[0]}, column {self.getpos()[1]}: {what}")

    def handle_starttag(self, tag, attrs):
        names = [k for k, _ in attrs]
        if len(set(names)) < len(names):
            self.fault(f"<{tag}> says something twice")
        while self.open and self.open[-1] in CLOSES.get(tag, ()):
            self.open.pop()
        given = dict(attrs)
        self.names += [given["id"]] if "id" in given else []
        self.refers += given.get("aria-labelledby", "").split() + ([given["href"][1:]] if given.get("href", "").startswith("#") else [])
        if tag not in ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if tag not in SHAPES | ALONE:
            self.fault(f"<{tag}/>")

    def handle_endtag(self, tag):
        while self.open and self.open[-1] in ENDS.get(tag, ()):
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.fault(f"</{tag}> closes nothing")


page = Page()
with open(sys.argv[1], encoding="utf-8") as f:
    page.feed(f.read())
page.close()
if page.open:
    page.fault(f"<{page.open[-1]}> is not closed")
if len(set(page.names)) < len(page.names):
    page.fault("a name is given twice")
if set(page.refers) - set(page.names):
    page.fault(f"no part {sorted(set(page.refers) - set(page.names))[0]}")
