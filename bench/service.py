"""Starts `rage rag` for a benchmark and calls it."""

import atexit
import http.client
import json
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Service:
    def __init__(self, binary, data, *flags, command="rag"):
        began = time.monotonic()
        self.process = subprocess.Popen(
            [str(binary), command, "--data", str(data), "--port", "0", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        atexit.register(self.process.kill)  # Whatever becomes of the benchmark.
        line = self.process.stdout.readline()
        self.start_seconds = time.monotonic() - began
        if "ready on" not in line:
            raise SystemExit(f"the service did not start: {line}")
        self.port = int(line.split("ready on ")[1].split()[0].rsplit(":", 1)[1])

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            payload = None if body is None else json.dumps(body).encode()
            connection.request(method, path, payload, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read().decode()
            if reply.status != 200:
                raise SystemExit(f"{path}: {reply.status} {text[:500]}")
            return json.loads(text)
        finally:
            connection.close()

    def memory_mib(self):
        """(resident, anonymous) MiB of the process."""
        fields = dict(
            line.split(":", 1) for line in open(f"/proc/{self.process.pid}/status") if ":" in line
        )
        return tuple(round(int(fields[key].split()[0]) / 1024, 1) for key in ("VmRSS", "RssAnon"))

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        atexit.unregister(self.process.kill)
