"""watch.py RUN -- ril-inspect --watch in a pseudo-terminal: what it draws, in a terminal of our own making, at several sizes; keys and signals;
what it leaves behind.  Then RIL_TRAIN's run, named second, is watched while it goes on, and killed.  A line "ok WHAT" for each thing that
holds, exit 1 at the first that does not."""
import fcntl, os, pty, re, select, signal, struct, subprocess, sys, termios, time

run, living = sys.argv[1:3]


def holds(what, true, more=""):
    if not true:
        raise SystemExit(f"not so: {what}\n{more}")
    print("ok", what, flush=True)


class Terminal:
    """A program in a terminal of its own, and what its screen shows."""
    def __init__(self, *command, rows=24, columns=80, **env):
        self.master, slave = pty.openpty()
        self.slave = slave
        self.resize(rows, columns, tell=False)
        self.before = termios.tcgetattr(slave)
        self.child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env={**os.environ, "TERM": "xterm",
            "LC_ALL": "C.UTF-8", **env}, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.said, self.rest = b"", b""

    def resize(self, rows, columns, tell=True):
        self.rows, self.columns = rows, columns
        self.cells, self.row, self.column, self.worst = [[" "] * columns for _ in range(rows)], 0, 0, ""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def draw(self, data):
        """Just what the program uses; anything else is a fault."""
        text = self.rest + data
        whole = re.match(rb"(?s).*?(?=(\x1b(\[[?\d;]*)?|[\xc0-\xff][\x80-\xbf]*)?\Z)", text).end()  # what may go on stays for the next time
        text, self.rest = text[:whole], text[whole:]
        for part in re.finditer(rb"\x1b\[(\??[\d;]*)([A-Za-z])|\x1b[^\[]|\r|\n|[^\x1b\r\n]+", text):
            code, letter = part.group(1), part.group(2)
            if letter == b"H":
                self.row = self.column = 0
            elif letter == b"K":
                self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
            elif letter == b"J":
                for r in range(self.row if code == b"" else 0, self.rows):
                    start = self.column if code == b"" and r == self.row else 0
                    self.cells[r][start:] = [" "] * (self.columns - start)
            elif letter in (b"m", b"h", b"l"):
                pass
            elif part.group() == b"\r":
                self.column = 0
            elif part.group() == b"\n":
                self.row, self.column = self.row + 1, 0
                if self.row >= self.rows:
                    self.worst, self.row = "scrolled", self.rows - 1
            elif letter or part.group()[:1] == b"\x1b":
                self.worst = f"said {part.group()!r}"
            else:
                for c in part.group().decode("utf-8", "replace"):
                    if self.column >= self.columns:
                        self.worst = f"line {self.row} passes the edge"
                        break
                    self.cells[self.row][self.column] = c
                    self.column += 1

    def read(self, seconds):
        end = time.time() + seconds
        while select.select([self.master], [], [], max(0, end - time.time()))[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # closed by the program
                return
            if not data:
                return
            self.said += data
            self.draw(data)

    def shows(self, pattern, seconds=20):
        end = time.time() + seconds
        while time.time() < end:
            self.read(.1)
            if re.search(pattern, self.text()):
                return True
        return False

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def ended(self, seconds=10):
        end = time.time() + seconds
        while self.child.poll() is None and time.time() < end:
            self.read(.05)
        self.read(.05)
        return self.child.returncode

    def restored(self):
        after = termios.tcgetattr(self.slave)
        return after == self.before and self.said.rstrip().endswith(b"\x1b[?25h\x1b[?1049l") and self.said.count(b"?1049h") == self.said.count(b"?1049l")

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.master)
        os.close(self.slave)


def watch(*more, **how):
    return Terminal("ril-inspect", "--watch", "--every", "0.1", *more, **how)


t = watch(run)
holds("a run is shown", t.shows(r"step 4 of 4, 100 %") and t.shows("finished"), t.text())
holds("it is the alternate screen, without a cursor", t.said.startswith(b"\x1b[?1049h\x1b[?25l"))
holds("80 by 24: rewards, KL, stages, answers", all(re.search(p, t.text()) for p in (r"(?m)^reward ", r"(?m)^KL ", r"(?m)^update .* % busy ", r"(?m)^student +[✓✗] r")), t.text())
holds("in colour", b"\x1b[36m" in t.said)
for rows, columns in (12, 40), (50, 132), (3, 20), (24, 80):
    t.resize(rows, columns)
    holds(f"{columns} by {rows}: drawn anew", t.shows(r"step 4"), t.text())
    time.sleep(.3), t.read(.3)
    holds(f"{columns} by {rows}: within its edges", not t.worst, t.worst + "\n" + t.text())
os.write(t.master, b"x")
t.read(.3)
holds("another key ends nothing and is not seen", t.child.poll() is None and "x\n" not in t.text())
os.write(t.master, b"q")
holds("q ends it", t.ended() == 0)
holds("and leaves the terminal as it was", t.restored(), repr(t.said[-60:]))
t.close()

for name, end in (("Ctrl-C", lambda t: os.write(t.master, b"\x03")), ("SIGTERM", lambda t: t.child.terminate()), ("SIGHUP", lambda t: t.child.send_signal(signal.SIGHUP))):
    t = watch(run)
    t.shows("finished")
    end(t)
    holds(f"{name} ends it", t.ended() == 0)
    holds(f"{name}: the terminal is as it was", t.restored(), repr(t.said[-60:]))
    t.close()

t = watch(run)
t.shows("finished")
os.write(t.master, b"\x1a")
t.read(.5)
holds("stopped by Ctrl-Z: the terminal is given back", t.restored() and open(f"/proc/{t.child.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T")
t.child.send_signal(signal.SIGCONT)
holds("and taken again", t.shows("finished") and t.said.count(b"?1049h") == 2)
os.write(t.master, b"q")
holds("ends well after that", t.ended() == 0 and t.restored())
t.close()

t = watch(run, NO_COLOR="1")
t.shows("finished")
os.write(t.master, b"q")
t.ended()
holds("NO_COLOR: no colours", not re.search(rb"\x1b\[[1-9]\d*m", t.said))
t.close()

t = watch(run, TERM="dumb")
holds("a terminal that cannot: plain pages, until the run is over", t.ended() == 0 and b"finished" in t.said and b"\x1b" not in t.said, repr(t.said[:200]))
t.close()

t = watch(os.path.join(run, "nowhere"))
holds("no such run: said on a terminal that was never touched", t.ended() == 1 and b"nowhere" in t.said and b"\x1b" not in t.said, repr(t.said))
t.close()

# a run that goes on, and is killed
train = subprocess.Popen(["ril-train", "-q", "--resume", living], start_new_session=True)
t = watch(living)
try:
    holds("a run that goes on", t.shows(r"running") and t.shows(r"step ([3-9]|\d\d+) of 100000, 0 %; .* steps/min; .* left"), t.text())
    first = int(re.search(r"step (\d+) of", t.text()).group(1))
    holds("its steps are seen as they come", t.shows(rf"step (?!{first} )\d+ of 100000"), t.text())
    holds("with their answers", t.shows(r"(?m)^step \d+ +\S.*\nstudent"), t.text())
finally:
    os.kill(train.pid, signal.SIGKILL)
    train.wait()
holds("that its launcher was killed is told, once its stages have ended", t.shows(r"ended", 60) and t.shows("nobody is at work on it; ril-train --resume"), t.text())
holds("nothing passed an edge", not t.worst, t.worst)
os.write(t.master, b"q")
holds("ends well", t.ended() == 0 and t.restored())
t.close()
