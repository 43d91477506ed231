"""A proxy for the tests of servers behind one: CONNECT, and requests in absolute form.

    python3 tests/proxy.py FOLDER [NAME:PASSWORD]

Standard library alone.  Listens on a free port of 127.0.0.1, which it writes to FOLDER/port; a line of FOLDER/log for each request: its
first line, and what else it could see of it.  With a name and password it answers 407 to whoever has not got them.  Ends when its standard
input does."""

import asyncio, base64, os, sys

folder, secret = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
log = open(os.path.join(folder, "log"), "a", buffering=1)


async def pour(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(reader, writer):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = {k.lower(): v.strip() for k, v in (f.split(":", 1) for f in lines[1:] if ":" in f)}
        log.write(f"{lines[0]} | {fields.get('authorization', 'no key')}\n")
        if secret and fields.get("proxy-authorization") != "Basic " + base64.b64encode(secret.encode()).decode():
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
            return await writer.drain()
        host, port = target.removeprefix("http://").split("/")[0].split(":")
        there, to = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:  # one request a connection
            path = "/" + target.removeprefix("http://").split("/", 1)[1]
            kept = [f for f in lines[1:-2] if not f.lower().startswith(("proxy-", "connection:"))]
            to.write("\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]).encode())
        await asyncio.gather(pour(reader, to), pour(there, writer))
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    here = await asyncio.start_server(serve, "127.0.0.1", 0)
    with open(os.path.join(folder, "new"), "w") as f:
        f.write(str(here.sockets[0].getsockname()[1]))
    os.rename(f.name, os.path.join(folder, "port"))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
