#!/usr/bin/env python3
"""Many conversations at once with `rage assistant` in front of `rage sim-model`: nothing may be
lost, and the agent may cost little.

    bench/assistant_sessions.py build/release/rage [--sessions 200] [--turns 3] [--redis]

Each session asks `turns` questions, one after the other, each a stream. Prints one JSON object:

  lost                questions or answers that a history does not hold, streams without an end
  agent_ms            what the agent took of a turn beside waiting for the model, as it measured
                      itself: the share of turns within 4, 10 and 32 ms, and the bucket of p95
  own_ms              the same seen from outside: the client's time less "latency_ms", which the
                      agent measured; connecting, and this program's own delays, are in it
  mean_beyond_model_ms  the client's time less the model's, as the model server measured it
"""

import argparse
import asyncio
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time


def start(binary, *words, environment=None):
    process = subprocess.Popen([binary, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, env={**os.environ, **(environment or {})})
    line = process.stdout.readline()
    if "ready on" not in line:
        raise SystemExit(f"rage {words[0]} did not start: {line}")
    return process, int(line.split("ready on ")[1].split()[0].rsplit(":", 1)[1])


def start_redis(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir",
                                folder, "--save", ""], stdout=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, port
        except OSError:
            time.sleep(0.05)
    raise SystemExit("redis-server did not start")


async def stream(port, path, body):
    """(seconds, text of the reply) of one request."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    payload = json.dumps(body).encode()
    writer.write(f"POST {path} HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
                 f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode() + payload)
    await writer.drain()
    text = await reader.read(-1)
    writer.close()
    return time.monotonic() - began, text.decode()


def plain(port, path):
    async def get():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n".encode())
        text = (await reader.read(-1)).decode()
        writer.close()
        return json.loads(text[text.index("{"):text.rindex("}") + 1])
    return asyncio.run(get())


def done_of(text):
    """The last event of a whole stream, else None."""
    at = text.find("event: done\n")
    if at < 0:
        return None
    line = text[at:].split("\n")[1]
    return json.loads(line.removeprefix("data: "))


def spread(values):
    ranked = sorted(values)
    pick = lambda share: round(ranked[min(len(ranked) - 1, int(share * len(ranked)))] * 1000, 2)
    return {"p50": pick(0.5), "p95": pick(0.95), "p99": pick(0.99), "max": pick(1)}


async def converse(sessions, turns, ask):
    async def one(number):
        # Not all in the same instant: people are not either.
        await asyncio.sleep(number / sessions)
        return [await ask(number, turn) for turn in range(turns)]
    began = time.monotonic()
    told = await asyncio.gather(*(one(number) for number in range(sessions)))
    return [entry for session in told for entry in session], time.monotonic() - began


def cpu_seconds(process):
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metrics(port):
    async def get():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")
        text = (await reader.read(-1)).decode()
        writer.close()
        return text
    return asyncio.run(get()).split("\n")


def own_buckets(port):
    """Of the agent's own time: turns within 4, 10 and 32 ms, and the bound of p95's bucket."""
    bounds = {}
    for line in metrics(port):
        found = re.match(r'assistant_own_seconds_bucket{le="([^"]+)"} (\S+)', line)
        if found:
            bounds[float(found.group(1))] = float(found.group(2))
    every = bounds[math.inf]
    within = {f"within_{ms}": round(bounds[ms / 1000] / every, 4) for ms in (4, 10, 32)}
    p95 = min(bound for bound, count in bounds.items() if count >= 0.95 * every)
    return {**within, "p95_at_most": round(1000 * p95, 1)}


def model_seconds(port):
    """(sum, count) of the model server's own times."""
    told = {}
    for line in metrics(port):
        for part in ("sum", "count"):
            if line.startswith(f"vllm:e2e_request_latency_seconds_{part}"):
                told[part] = float(line.rsplit(" ", 1)[1])
    return told["sum"], told["count"]


def measure(options, model_port, agent_port, agent):
    question = "Which talks about storage are on Saturday, and who gives them? " * 3

    async def ask(number, turn):
        body = {"message": f"{question}{number} {turn}", "session_id": f"s{number}"}
        return await stream(agent_port, "/chat/stream", body)

    before = cpu_seconds(agent)
    told, seconds = asyncio.run(converse(options.sessions, options.turns, ask))
    cpu = cpu_seconds(agent) - before
    ends = [done_of(text) for _, text in told]
    own = [took - end["latency_ms"] / 1000 for (took, _), end in zip(told, ends) if end]
    model, answers = model_seconds(model_port)
    beyond = sum(took for took, _ in told) / len(told) - model / max(1, answers)
    lost = sum(end is None for end in ends)
    for number in range(options.sessions):
        kept = plain(agent_port, f"/chat/history/s{number}")["messages"]
        lost += 2 * options.turns - len(kept)
    return {"sessions": options.sessions, "turns": options.turns, "answers": len(told),
            "lost": lost, "seconds": round(seconds, 2), "answer_ms": spread([t for t, _ in told]),
            "agent_ms": own_buckets(agent_port), "own_ms": spread(own),
            "mean_beyond_model_ms": round(1000 * beyond, 2),
            "agent_cpu_ms_per_answer": round(1000 * cpu / len(told), 2)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--output-tokens", type=int, default=64)
    parser.add_argument("--decode-ms", type=float, default=40,
                        help="of a token; 40 makes answers of 1 to 4 seconds")
    parser.add_argument("--redis", action="store_true", help="history in Redis, not in SQLite")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="rage-sessions-")
    running = []
    try:
        environment = {}
        if options.redis:
            redis, port = start_redis(folder)
            running.append(redis)
            environment["REDIS_URL"] = f"redis://127.0.0.1:{port}"
        model, model_port = start(options.binary, "sim-model", "--port", "0", "--model", "sim",
                                  "--output-tokens-mean", str(options.output_tokens),
                                  "--decode-base-ms", str(options.decode_ms),
                                  "--decode-per-sequence-ms", "0")
        running.append(model)
        agent, agent_port = start(options.binary, "assistant", "--port", "0", "--data", folder,
                                  "--base-url", f"http://127.0.0.1:{model_port}/v1", "--model",
                                  "sim", environment=environment)
        running.append(agent)
        figures = measure(options, model_port, agent_port, agent)
        print(json.dumps({"history": "redis" if options.redis else "sqlite", **figures}, indent=1))
        return 0 if figures["lost"] == 0 else 1
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
