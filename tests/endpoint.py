"""A server for the tests of servers as teachers and judges: POST /BEHAVIOUR/v1/chat/completions answers as BEHAVIOUR does.

    python3 tests/endpoint.py FOLDER [SECONDS [CERTIFICATE KEY]]

Standard library alone.  Listens on a free port of 127.0.0.1 (or on $RIL_TEST_PORT), which it writes to FOLDER/port, and on a second one, FOLDER/other, for
redirects to another origin; every request is a line of FOLDER/log (JSON: when, behaviour, key as it came, model, n, seed, text, pictures,
which connection); each answer waits SECONDS.  With a certificate it speaks TLS.  Ends when its standard input does."""

import asyncio, base64, hashlib, json, os, ssl, sys, time

folder, delay = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0
log = open(os.path.join(folder, "log"), "a", buffering=1)
seen, connections, slept = {}, 0, [0, 0.0]
FAST = json.dumps({"id": "a", "created": 1, "model": "m", "object": "chat.completion", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}).encode()
FAST = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(FAST) + FAST
PAGE = b"<html><head><title>502</title></head><body><h1>Bad gateway</h1>\n<p>come back later</p></body></html>"


def text_of(body):
    out, pictures = [], []
    for m in body["messages"]:
        parts = m["content"] if isinstance(m["content"], list) else [{"type": "text", "text": m["content"]}]
        for p in parts:
            if p["type"] == "text":
                out.append(m["role"] + ": " + p["text"])
            else:
                kind, data = p["image_url"]["url"].split(",", 1)
                bytes_ = base64.b64decode(data, validate=True)
                out.append("<picture>")
                pictures.append([kind, len(bytes_), hashlib.sha256(bytes_).hexdigest()])
    return "\n".join(out), pictures


def choice(i, text, finish="stop", **more):
    return {"index": i, "message": {"role": "assistant", "content": text, **more}, "finish_reason": finish}


def judge(text):
    """Yes where the judged text has 'good'; a first doubt where it has 'again'."""
    if "again" in text and seen.setdefault(text, 0) == 0:
        seen[text] = 1
        return "I am not sure."
    return "Final Decision: " + ("Yes" if "good" in text else "No")


async def reply(how, body, key, write):
    text, _ = text_of(body)
    n, seed = body.get("n", 1), body.get("seed", 0)
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    which = (how, text, seed, n)
    times = seen[which] = seen.get(which, 0) + 1
    said = [f"{mark} {seed + i}" for i in range(n)]
    usage = {"prompt_tokens": len(text.split()), "completion_tokens": 2 * n}

    def chat(choices):
        return json.dumps({"object": "chat.completion", "choices": choices, "usage": usage}).encode()

    good = chat([choice(i, t) for i, t in enumerate(said)])
    if how in ("busy", "bare", "failing", "cut", "reset", "gateway") and times > 1:
        return await write(200, good)
    if how == "busy":
        await write(429, b'{"error": {"message": "too many"}}', "Retry-After: 1\r\n")
    elif how == "bare":
        await write(429, b"")
    elif how in ("failing", "down"):
        await write(503, b'{"message": "loading"}')
    elif how == "gateway":
        await write(502, PAGE)
    elif how == "page":
        await write(200, PAGE)
    elif how == "garbage":
        await write(200, bytes(range(256)))
    elif how == "utf8":
        await write(200, good.replace(mark.encode(), b"\xff\xfe"))
    elif how == "nul":
        await write(200, chat([choice(0, "a\0b")]))
    elif how == "nothing":
        await write(200, b'{"choices": []}')
    elif how == "cut":
        await write(200, good, cut=True)
    elif how == "reset":
        await write(0, b"")
    elif how == "slow":
        await asyncio.sleep(1000)
    elif how == "drip":
        await write(200, b"", forever=0.05)
    elif how == "flood":
        await write(200, b"x" * 65536, forever=0)
    elif how == "one":
        await write(200, chat([choice(0, said[0])]))
    elif how == "many":
        await write(200, chat([choice(i, t) for i, t in enumerate(said + ["more", "and more"])]))
    elif how in ("single", "choosy") and n > 1:
        await write(400, b'{"error": {"message": "n must be 1"}}')
    elif how == "choosy" and "circle" in text:  # refuses several at once, and some questions
        await write(400, b'{"error": {"message": "no circles"}}')
    elif how == "late" and "circle" in text and times > 1:
        await write(400, b'{"error": {"message": "no circles, and again"}}')
    elif how == "late" and "circle" in text:  # it is known to count before it refuses
        await asyncio.sleep(0.1)
        await write(400, b'{"error": {"message": "no circles"}}')
    elif how == "question":
        await write(400, b'{"error": {"message": "too long a prompt"}}')
    elif how == "picky" and "circle" in text:
        await write(422, b'{"detail": "no circles"}')
    elif how == "key":
        await write(401, json.dumps({"error": {"message": "wrong key: " + (key or "none")}}).encode())
    elif how == "unknown":
        await write(404, b'{"error": "no such model"}')
    elif how == "echo":
        await write(200, chat([choice(0, "your key is " + (key or "none"))]))
    elif how == "refusal":
        await write(200, chat([choice(i, None, refusal="I'm sorry") for i in range(n)]))
    elif how == "filter":
        await write(200, chat([choice(i, "so", "content_filter") for i in range(n)]))
    elif how == "empty":
        await write(200, chat([choice(i, " \n") for i in range(n)]))
    elif how == "length":
        await write(200, chat([choice(i, t, "length") for i, t in enumerate(said)]))
    elif how == "half":  # every other number is cut
        await write(200, chat([choice(i, t, "length" if (seed + i) % 2 else "stop") for i, t in enumerate(said)]))
    elif how == "away":
        await write(307, b"", f"Location: http://127.0.0.1:{other_port}/ok/v1/chat/completions\r\n")
    elif how == "here":
        await write(307, b"", "Location: /ok/v1/chat/completions\r\n")
    elif how == "round":
        await write(308, b"", "Location: /round/v1/chat/completions\r\n")
    elif how == "moved":
        await write(302, b"", "Location: /ok/v1/chat/completions\r\n")
    elif how == "judge":
        await write(200, chat([choice(0, judge(text))]))
    elif how == "yes":
        await write(200, chat([choice(0, "Yes")]))
    elif how in ("schema", "object", "free", "broken"):
        form = body.get("response_format", {"type": "free"})
        if "long" in text:
            await write(400, b'{"error": {"message": "too long a prompt"}}')
        elif form["type"].removeprefix("json_") == how.replace("broken", "free"):
            schema = form.get("schema") or form.get("json_schema", {}).get("schema") or {"properties": {"decision": 0}}
            verdict = json.dumps({list(schema["properties"])[0]: "Yes" if "good" in text else "No"})
            await write(200, chat([choice(0, judge(text) if form["type"] == "free" else verdict)]))
        elif how == "broken":  # says with a failure of its own what it does not take
            await write(500, b'{"error": {"message": "response_format.type: not known"}}')
        else:
            await write(422, b'{"detail": "Unexpected fields"}')
    else:
        await write(200, good)


async def serve(reader, writer, other):
    global connections
    connections += 1
    mine = connections
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.split("\r\n")
            fields = {k.lower(): v.strip() for k, v in (f.split(":", 1) for f in fields if ":" in f)}
            raw = await reader.readexactly(int(fields.get("content-length", 0)))
            path = line.split(" ")[1]
            how = path.split("/")[1]
            key = fields.get("authorization", "").removeprefix("Bearer ")
            if path == "/slept":  # seconds that each of those took here
                body = str(slept[1] / max(1, slept[0])).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                continue
            if how == "fast":  # for scripts/bench-endpoint
                start = time.monotonic()
                await asyncio.sleep(delay)
                writer.write(FAST)
                slept[0] += 1
                slept[1] += time.monotonic() - start
                continue
            body = json.loads(raw)
            text, pictures = text_of(body)
            log.write(json.dumps({"time": time.time(), "how": how, "path": path, "key": key, "other": other, "model": body["model"], "n": body.get("n", 1),
                                  "seed": body.get("seed"), "text": text, "pictures": pictures, "connection": mine,
                                  "rest": {k: v for k, v in body.items() if k not in ("messages", "model", "n", "seed")}}) + "\n")

            async def write(status, payload, more="", cut=False, forever=None):
                if status == 0 or forever is not None:
                    if forever is not None:
                        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                        while True:
                            chunk = payload or b" "
                            writer.write(b"%x\r\n" % len(chunk) + chunk + b"\r\n")
                            await writer.drain()
                            await asyncio.sleep(forever)
                    raise ConnectionError
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n{more}\r\n".encode())
                writer.write(payload[: len(payload) // 2] if cut else payload)
                await writer.drain()
                if cut:
                    raise ConnectionError

            if delay:
                await asyncio.sleep(delay)
            await reply(how, body, key, write)
    except (ConnectionError, asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def main():
    global other_port
    tls = None
    if len(sys.argv) > 4:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[3], sys.argv[4])
    here = await asyncio.start_server(lambda r, w: serve(r, w, False), "127.0.0.1", int(os.environ.get("RIL_TEST_PORT", 0)), limit=1 << 26,
                                      backlog=1024, ssl=tls)
    there = await asyncio.start_server(lambda r, w: serve(r, w, True), "127.0.0.1", 0, limit=1 << 26)
    other_port = there.sockets[0].getsockname()[1]
    for name, port in (("other", other_port), ("port", here.sockets[0].getsockname()[1])):
        with open(os.path.join(folder, name + ".new"), "w") as f:
            f.write(str(port))
        os.rename(f.name, os.path.join(folder, name))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
