"""The echo servers of test_conformance.py: each "pod" has an address of its own; one process.

usage: conformance_backends.py NAMESPACE POD=IP:PORT[/h2c]...
prints "ready"; serves until stdin ends

A reply is JSON: who answered (pod, namespace, httpPort) by which protocol, and over HTTP/1.1 what
was asked. A port speaks one protocol and hangs up on the other, so that a reply proves which one
it was.
"""

import asyncio
import contextlib
import json
import struct
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8  # Types of frames.
END_STREAM, ACK, END_HEADERS = 1, 1, 4  # Flags.
STATUS_200 = b"\x88"  # HPACK, from the static table.


class Pod:
    def __init__(self, namespace, name, port):
        self.who = {"pod": name, "namespace": namespace, "httpPort": str(port)}

    def reply(self, protocol, **asked):
        return json.dumps({**self.who, "proto": protocol, **asked}).encode()

    async def serve_http1(self, reader, writer):
        while await self.answer_http1(reader, writer):
            await writer.drain()

    async def answer_http1(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        method, path, version = first.split(" ", 2)
        if version != "HTTP/1.1":
            return False
        fields = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        if "chunked" in headers.get("transfer-encoding", ""):
            return False  # The gateway knows how long a body is that it has held.
        asked = await reader.readexactly(int(headers.get("content-length", 0)))
        body = b"" if path == "/metrics" else self.reply(
            "HTTP/1.1", method=method, path=path, headers=headers, body=asked.decode("latin-1"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                     b"content-length: %d\r\n\r\n%s" % (len(body), body))
        return True

    async def serve_h2c(self, reader, writer):
        if await reader.readexactly(len(PREFACE)) != PREFACE:
            return
        writer.write(frame(SETTINGS, 0, 0, b""))
        while True:
            length_high, length, kind, flags, stream = struct.unpack(
                ">BHBBI", await reader.readexactly(9))
            payload = await reader.readexactly(length_high << 16 | length)
            if kind in (SETTINGS, PING) and not flags & ACK:
                writer.write(frame(kind, ACK, 0, payload if kind == PING else b""))
            if kind == DATA and payload:
                more = struct.pack(">I", len(payload))
                for which in (0, stream):
                    writer.write(frame(WINDOW_UPDATE, 0, which, more))
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                self.answer_h2c(stream, writer)
            await writer.drain()

    def answer_h2c(self, stream, writer):
        body = self.reply("HTTP/2.0")
        head = STATUS_200 + field("content-type", "application/json")
        writer.write(frame(HEADERS, END_HEADERS, stream, head))
        writer.write(frame(DATA, END_STREAM, stream, body))


def frame(kind, flags, stream, payload):
    return struct.pack(">BHBBI", len(payload) >> 16, len(payload) & 0xFFFF, kind, flags,
                       stream) + payload


def field(name, value):
    """An HPACK field that no table remembers; both texts shorter than 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


async def start(namespace, argument):
    name, _, place = argument.partition("=")
    place, _, protocol = place.partition("/")
    address, _, port = place.rpartition(":")
    pod = Pod(namespace, name, port)
    serve = pod.serve_h2c if protocol == "h2c" else pod.serve_http1

    async def connected(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
            await serve(reader, writer)
        writer.close()

    return await asyncio.start_server(connected, address, int(port), limit=1 << 20)


async def main(namespace, *arguments):
    servers = [await start(namespace, argument) for argument in arguments]
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
