#!/usr/bin/env python3
"""What BBR and EPP cost behind a real Envoy: wrk through Envoy with both, with each, with neither.

usage: ext_proc_throughput.py [--seconds 8] [--connections 32] [--bytes 1000]

Envoy has one worker; the model server is another Envoy that answers at once. All share this
machine, so that only the ratios of one run mean something.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/gateway"))
import envoy_config as ec  # noqa: E402
from support import Envoy, ExtProc, completion, need_envoy  # noqa: E402

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local file = io.open("BODY", "rb")
wrk.body = file:read("*a")
"""


def cpu_seconds(process):
    fields = Path(f"/proc/{process.child.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def model_server():
    answer = {"match": {"prefix": "/"}, "direct_response": {
        "status": 200, "body": {"inline_string": json.dumps({"choices": [{"text": "x" * 200}]})}}}
    return Envoy(ec.bootstrap([ec.listener("model", [], [answer])], []))


def measure(name, port, script, arguments, processes):
    before = [cpu_seconds(process) for process in processes]
    told = subprocess.run(
        ["wrk", "-t1", f"-c{arguments.connections}", f"-d{arguments.seconds}s", "--latency",
         "-s", str(script), f"http://127.0.0.1:{port}/v1/completions"],
        capture_output=True, text=True, check=True).stdout
    cpu = [cpu_seconds(process) - b for process, b in zip(processes, before)]
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--bytes", type=int, default=1000)
    arguments = parser.parse_args()
    need_envoy()
    model = model_server()
    address = model.ports["model"]
    bbr = ExtProc("bbr")
    epp = ExtProc("epp", "--endpoints", f"127.0.0.1:{address}")
    filters = {"neither": [], "bbr": ["bbr"], "epp": ["epp"], "both": ["bbr", "epp"]}
    envoy = Envoy(ec.bootstrap(
        [ec.listener(name, [ec.ext_proc(f, f, ec.ALL_DUPLEX if f == "epp" else ec.REQUEST_DUPLEX)
                            for f in found], [ec.route("pool")])
         for name, found in filters.items()],
        [ec.backends("pool", [address]), ec.processor("bbr", bbr.port),
         ec.processor("epp", epp.port)]))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(completion("m", arguments.bytes))
        script = Path(folder) / "post.lua"
        script.write_text(SCRIPT.replace("BODY", f"{folder}/body"))
        rates = {name: measure(name, envoy.ports[name], script, arguments, [envoy, bbr, epp])
                 ["requests_per_second"] for name in filters}
    print(json.dumps({f"{name}/neither": round(rate / rates["neither"], 3)
                      for name, rate in rates.items() if name != "neither"}))
    for process in (envoy, model, bbr, epp):
        process.kill()


if __name__ == "__main__":
    main()
