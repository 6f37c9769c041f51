"""Small model servers for tests: HTTP/1.1 on loopback, one port an index, one process for all.

usage: backends.py COUNT      prints the ports, one line; serves until stdin ends

/echo            the request's body, chunked; x-backend, x-seen (JSON of the headers), x-trailers
/stream          the same, each chunk sent back as soon as it came
/sse/N           N events, flushed one by one; the first has the SHA-256 of the request's body
/big/N           N bytes of pattern()
/trailers        a chunked body with the trailer x-check: yes
/status/CODE     that status
/slow/MS         /echo, later
A request header `x-fail: INDEX=CODE` or `INDEX=reset`, comma separated, makes those backends fail.
"""

import asyncio
import contextlib
import hashlib
import json
import sys

HEAD_MAX = 1 << 20


def pattern(size):
    block = b"".join(b"%07d\n" % i for i in range(1000))
    return (block * (size // len(block) + 1))[:size]


class Closed(Exception):
    pass


async def read_head(reader):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Closed from error
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, path, _ = first.split(" ", 2)
    fields = (line.partition(":") for line in lines)
    return method, path, [(name.lower(), value.strip()) for name, _, value in fields]


async def read_body(reader, headers):
    """Yields chunks, then a list of trailers."""
    fields = dict(headers)
    if "chunked" not in fields.get("transfer-encoding", ""):
        left = int(fields.get("content-length", 0))
        while left > 0:
            chunk = await reader.read(min(left, 65536))
            if not chunk:
                raise Closed
            left -= len(chunk)
            yield chunk
        yield []
        return
    while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    trailers = []
    while (line := (await reader.readline()).strip()):
        name, _, value = line.decode("latin-1").partition(":")
        trailers.append((name.lower(), value.strip()))
    yield trailers


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Backend:
    def __init__(self, index):
        self.index = index

    async def serve(self, reader, writer):
        with contextlib.suppress(Closed, ConnectionError, asyncio.IncompleteReadError, ValueError):
            while await self.serve_one(reader, writer):
                pass
        writer.close()

    def head(self, status, headers):
        lines = [f"HTTP/1.1 {status} X", f"x-backend: {self.index}", "transfer-encoding: chunked"]
        return "\r\n".join(lines + [f"{k}: {v}" for k, v in headers] + ["", ""]).encode()

    async def serve_one(self, reader, writer):
        _, path, headers = await read_head(reader)
        fields = dict(headers)
        if fields.get("expect") == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        fail = dict(x.split("=") for x in fields.get("x-fail", "").split(",") if x)
        mood = fail.get(str(self.index))
        if mood == "reset":
            writer.transport.abort()
            return False
        kind, _, argument = path.split("?")[0].strip("/").partition("/")
        if kind == "stream" and not mood:
            return await self.stream(reader, writer, headers)
        body, trailers = bytearray(), []
        async for part in read_body(reader, headers):
            if isinstance(part, list):
                trailers = part
            else:
                body += part
        if mood:
            writer.write(self.head(mood, []) + chunk(b"failed") + b"0\r\n\r\n")
        else:
            await self.answer(writer, kind, argument, bytes(body), headers, trailers)
        await writer.drain()
        return True

    async def answer(self, writer, kind, argument, body, headers, trailers):
        seen = [("x-seen", json.dumps(headers)), ("x-trailers", json.dumps(trailers))]
        if kind == "slow":
            await asyncio.sleep(int(argument) / 1000)
        if kind == "sse":
            writer.write(self.head(200, [("content-type", "text/event-stream"), *seen]))
            writer.write(chunk(b"data: %s\n\n" % hashlib.sha256(body).hexdigest().encode()))
            for i in range(1, int(argument)):
                await writer.drain()
                await asyncio.sleep(0.001)
                writer.write(chunk(b"data: %d\n\n" % i))
            writer.write(b"0\r\n\r\n")
        elif kind == "trailers":
            writer.write(self.head(200, [("trailer", "x-check"), *seen]))
            writer.write(chunk(body or b"-") + b"0\r\nx-check: yes\r\n\r\n")
        elif kind == "status":
            writer.write(self.head(int(argument), seen) + chunk(b"status") + b"0\r\n\r\n")
        else:
            data = pattern(int(argument)) if kind == "big" else body
            writer.write(self.head(200, seen))
            for at in range(0, len(data), 50_000):
                writer.write(chunk(data[at : at + 50_000]))
                await writer.drain()
            writer.write(b"0\r\n\r\n")

    async def stream(self, reader, writer, headers):
        writer.write(self.head(200, [("x-seen", json.dumps(headers))]))
        async for part in read_body(reader, headers):
            if not isinstance(part, list):
                writer.write(chunk(part))
                await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


async def main(count):
    servers = [
        await asyncio.start_server(Backend(i).serve, "127.0.0.1", 0, limit=HEAD_MAX)
        for i in range(count)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
