"""endpoint_kill.py FOLDER STUDENT SCENES KILLS -- ril-teach asks tests/endpoint.py for four answers a question, one a request, and is
killed so often, each time after some more answers were kept.  No answer that was kept is asked for again, at the end each is there once,
and the stream is that of a run that was not killed, but for its command line."""

import json, os, random, signal, subprocess, sys, time

folder, student, scenes, kills = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.makedirs(folder)
os.chdir(folder)
here = os.path.dirname(os.path.abspath(__file__))
server = subprocess.Popen([sys.executable, here + "/endpoint.py", ".", "0.02"], stdin=subprocess.PIPE)
draw = random.Random(kills)


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def teach(keep, out, n=4):
    return ["ril-teach", "-q", "--endpoint", f"http://127.0.0.1:{port}/one/v1", "--model", "m", "-n", str(n), "--tokenizer", student,
            "--image-root", "d", "--max-new-tokens", "60", "--jobs", "8", "--keep", keep, "-i", "e.ril", "-o", out]


def kept():
    if not os.path.exists("k.jsonl"):
        return []
    out = []
    for line in open("k.jsonl").read().split("\n"):
        try:
            out.append(json.loads(line))
        except ValueError:
            pass
    return out


def asked():
    import hashlib
    return [hashlib.sha256(r["text"].encode()).hexdigest()[:8] + f" {r['seed']}" for r in map(json.loads, open("log"))]


try:
    run("ril-scenes", "-q", "-o", "d", "-n", str(scenes), "--seed", "3")
    run("ril-encode", "-q", "-m", student, "--batch", "10", "d/scene.jsonl", "-o", "e.ril")
    want = 4 * sum(1 for _ in open("d/scene.jsonl"))
    while not os.path.exists("port"):
        time.sleep(0.05)
    port = open("port").read()
    for k in range(kills):
        before, known = len(asked()) if os.path.exists("log") else 0, {a["reply"] for a in kept()}
        goal = len(known) + draw.randint(1, max(1, want // (kills + 1)))
        tool = subprocess.Popen(teach("k.jsonl", "t.ril"))
        while tool.poll() is None and len(kept()) < goal:
            time.sleep(draw.random() * 0.01)
        tool.send_signal(signal.SIGKILL)
        tool.wait()
        again = known & set(asked()[before:])
        assert not again, f"asked again: {len(again)}"
    before, known = len(asked()), {a["reply"] for a in kept()}
    run(*teach("k.jsonl", "t.ril"))
    assert not known & set(asked()[before:]), "asked again at the end"
    rows = kept()
    assert len(rows) == want == len({r["key"] for r in rows}) == len({r["reply"] for r in rows}), f"{len(rows)} kept of {want}"
    run(*teach("whole.jsonl", "whole.ril"))
    for name in ("resp.text", "resp.source"):
        assert run("ril-inspect", "--field", name, "t.ril") == run("ril-inspect", "--field", name, "whole.ril"), name
    print(f"{kills} kills, {want} answers, {len(asked()) - want} requests for them and {len(asked()) - 2 * want} of these lost in flight",
          file=sys.stderr)
finally:
    server.stdin.close()
    server.wait()
