#!/usr/bin/env python3
"""Thousands of slow streams held open: how many break, and what one costs. Prints one JSON object.

usage: bench/slow_streams.py [--streams N] [--seconds S] [--pace S] [--through gateway|envoy]

Four `rage sim-model` answer with one token every PACE seconds, until S seconds are over. Through
`rage gateway`, which routes and picks, or through Envoy with `rage bbr` and `rage epp`. A stream is
whole if it brought every token and its end. Exit code 1 if one was not.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/gateway"))
os.environ.setdefault("RAGE_BINARY", str(ROOT / "build/release/rage"))
import envoy_config as ec  # noqa: E402
from gateway_proxy import free_port  # noqa: E402
from run import machine  # noqa: E402
from support import (  # noqa: E402
    BINARY, Envoy, ExtProc, Process, SimModel, gateway_objects, write_pool,
)

REPLICAS = 4


class Site:
    """The model servers and what stands before them; `measured` by name."""

    def __init__(self, through, streams, pace, folder):
        share = streams // REPLICAS + streams // 10 + 16
        self.models = [SimModel(
            f"sim-{i}", "--model", "m", "--requests-max", 2 * share, "--max-num-seqs", 2 * share,
            "--num-gpu-blocks", 400_000, "--decode-base-ms", pace * 1000,
            "--decode-per-sequence-ms", 0) for i in range(REPLICAS)]
        ports = [model.port for model in self.models]
        endpoints = [f"127.0.0.1:{port}" for port in ports]
        self.measured = {}
        if through == "gateway":
            self.port = free_port()
            (folder / "site.yaml").write_text(
                gateway_objects(self.port, endpoints))
            self.measured["gateway"] = Process(
                "gateway", [BINARY, "gateway", "--config", folder, "--admin", 0])
        else:
            pool = write_pool(folder / "pool.yaml", ports)
            bbr, epp = ExtProc("bbr"), ExtProc("epp", "--endpoints-file", pool)
            listener = ec.listener("main", [ec.ext_proc("bbr", "bbr", ec.ALL_DUPLEX),
                                            ec.ext_proc("epp", "epp", ec.ALL_DUPLEX)],
                                   [ec.route("pool")])
            envoy = Envoy(ec.bootstrap([listener], [
                many(ec.backends("pool", ports)), many(ec.processor("bbr", bbr.port)),
                many(ec.processor("epp", epp.port))]), concurrency=2)
            self.port = envoy.ports["main"]
            self.measured.update(envoy=envoy, bbr=bbr, epp=epp)

    def costs(self):
        """Resident bytes, and CPU seconds so far, by name."""
        return {name: (process.resident_bytes(), process.cpu_seconds())
                for name, process in self.measured.items()}

    def stop(self):
        for process in [*self.measured.values(), *self.models]:
            process.kill()


def many(cluster):
    """Envoy's circuit breakers out of the way."""
    cluster["circuit_breakers"] = {"thresholds": [
        {f"max_{what}": 100_000 for what in ("connections", "requests", "pending_requests")}]}
    return cluster


async def stream(port, tokens, number):
    """"" if it was whole, else what was wrong."""
    body = json.dumps({"model": "m", "prompt": f"slow {number}", "stream": True,
                       "max_tokens": tokens, "ignore_eos": True}).encode()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        return f"connect: {error}"
    try:
        writer.write(b"POST /v1/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
                     b"content-type: application/json\r\n"
                     b"content-length: %d\r\n\r\n" % len(body) + body)
        status = await reader.readline()
        if b" 200 " not in status:
            return f"status: {status.decode().strip()}"
        seen, whole = 0, False
        async for line in reader:
            seen += b'"text":' in line
            whole = whole or b"[DONE]" in line
        expected = (tokens, tokens + 1)  # The end may come in a chunk of its own.
        return "" if whole and seen in expected else f"{seen} of {tokens} tokens, end: {whole}"
    except OSError as error:
        return f"broken: {error}"
    finally:
        writer.close()


async def hold(site, streams, tokens, seconds):
    tasks = []
    for number in range(streams):
        tasks.append(asyncio.create_task(stream(site.port, tokens, number)))
        if number % 50 == 49:
            await asyncio.sleep(0.05)
    await asyncio.sleep(seconds / 2)
    middle = site.costs()
    return middle, await asyncio.gather(*tasks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--streams", type=int, default=4000)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--pace", type=float, default=2.0, help="seconds between two tokens")
    parser.add_argument("--through", choices=("gateway", "envoy"), default="gateway")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tokens = max(2, int(options.seconds / options.pace))
    with tempfile.TemporaryDirectory(prefix="rage-streams-") as folder:
        site = Site(options.through, options.streams, options.pace, Path(folder))
        try:
            asyncio.run(asyncio.sleep(1))
            idle = site.costs()
            began = time.monotonic()
            middle, results = asyncio.run(hold(site, options.streams, tokens, options.seconds))
            took = time.monotonic() - began
            end = site.costs()
        finally:
            site.stop()
    failed = [each for each in results if each]
    print(json.dumps({
        "measure": "slow_streams", "through": options.through, "streams": options.streams,
        "tokens_each": tokens, "seconds": round(took, 1), "failed": len(failed),
        "examples": sorted(set(failed))[:5],
        "mb_per_1000_streams": {
            name: round((middle[name][0] - idle[name][0]) / options.streams * 1000 / 1e6, 2)
            for name in idle},
        "cpu_share_of_a_core": {
            name: round((end[name][1] - idle[name][1]) / took, 3) for name in idle},
        "machine": machine(),
    }))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
