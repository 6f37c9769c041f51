#!/usr/bin/env python3
"""What BBR and EPP cost behind a real Envoy: wrk through Envoy with both, with each, with neither.

usage: ext_proc_throughput.py [--seconds 8] [--connections 32] [--bytes 1000] [--endpoints 100]

Envoy has one worker; the model servers are another Envoy that answers at once. With --endpoints the
picker has so many, scraped every 50 ms, and schedules; without, one that it takes without looking.
All share this machine, so that only the ratios of one run mean something.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/gateway"))
import envoy_config as ec  # noqa: E402
from support import (  # noqa: E402
    Envoy, ExtProc, SimModel, call, completion, need_envoy, write_pool,
)

SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local file = io.open("BODY", "rb")
wrk.body = file:read("*a")
"""


def metrics_page():
    """Of a simulated vLLM."""
    model = SimModel("sim-model")
    page = call(model.port, "GET", "/metrics").body.decode()
    model.kill()
    return page


def model_servers(count):
    def says(prefix, text):
        return {"match": {"prefix": prefix},
                "direct_response": {"status": 200, "body": {"inline_string": text}}}

    routes = [says("/metrics", metrics_page()),
              says("/", json.dumps({"choices": [{"text": "x" * 200}]}))]
    listeners = [ec.listener(f"model-{i}", [], routes) for i in range(count)]
    for listener in listeners:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["route_config"]["max_direct_response_body_size_bytes"] = 1 << 20
    return Envoy(ec.bootstrap(listeners, []))


def picker(ports, folder):
    if len(ports) == 1:
        return ExtProc("epp", "--endpoints", f"127.0.0.1:{ports[0]}")
    return ExtProc("epp", "--endpoints-file", write_pool(Path(folder) / "pool.yaml", ports))


def idle_cores(process, seconds=5):
    time.sleep(2)
    before = process.cpu_seconds()
    time.sleep(seconds)
    return round((process.cpu_seconds() - before) / seconds, 3)


def measure(name, port, script, arguments, processes):
    before = [process.cpu_seconds() for process in processes]
    told = subprocess.run(
        ["wrk", "-t1", f"-c{arguments.connections}", f"-d{arguments.seconds}s", "--latency",
         "-s", str(script), f"http://127.0.0.1:{port}/v1/completions"],
        capture_output=True, text=True, check=True).stdout
    cpu = [process.cpu_seconds() - b for process, b in zip(processes, before)]
    requests = int(re.search(r"(\d+) requests in", told).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    latency = dict(re.findall(r"(50|99)%\s+(\S+)", told))
    result = {"through": name, "requests_per_second": round(requests / arguments.seconds),
              "p50": latency["50"], "p99": latency["99"], "failed": int(bad.group(1)) if bad else 0,
              "cpu_us_per_request": {
                  p.name: round(c / requests * 1e6) for p, c in zip(processes, cpu) if c > 0}}
    print(json.dumps(result), flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--bytes", type=int, default=1000)
    parser.add_argument("--endpoints", type=int, default=1)
    arguments = parser.parse_args()
    need_envoy()
    with tempfile.TemporaryDirectory() as folder:
        run(arguments, folder)


def run(arguments, folder):
    model = model_servers(arguments.endpoints)
    ports = list(model.ports.values())
    bbr = ExtProc("bbr")
    epp = picker(ports, folder)
    filters = {"neither": [], "bbr": ["bbr"], "epp": ["epp"], "both": ["bbr", "epp"]}
    envoy = Envoy(ec.bootstrap(
        [ec.listener(name, [ec.ext_proc(f, f, ec.ALL_DUPLEX if f == "epp" else ec.REQUEST_DUPLEX)
                            for f in found], [ec.route("pool")])
         for name, found in filters.items()],
        [ec.backends("pool", ports), ec.processor("bbr", bbr.port),
         ec.processor("epp", epp.port)]))
    (Path(folder) / "body").write_bytes(completion("m", arguments.bytes))
    script = Path(folder) / "post.lua"
    script.write_text(SCRIPT.replace("BODY", f"{folder}/body"))
    print(json.dumps({"endpoints": len(ports), "idle_cores_of_the_picker": idle_cores(epp)}))
    rates = {name: measure(name, envoy.ports[name], script, arguments, [envoy, bbr, epp])
             ["requests_per_second"] for name in filters}
    print(json.dumps({f"{name}/neither": round(rate / rates["neither"], 3)
                      for name, rate in rates.items() if name != "neither"}))
    for process in (envoy, model, bbr, epp):
        process.kill()


if __name__ == "__main__":
    main()
