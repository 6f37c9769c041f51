"""Real processes: Envoy 1.40, `rage bbr`, `rage epp` and small model servers, on free ports."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BINARY = os.environ.get("RAGE_BINARY", str(ROOT / "build/release/rage"))
CACHE = Path(
    os.environ.get("RAGE_CACHE_DIR")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rage"
)
ENVOY = CACHE / "envoy/envoy"

sys.path.insert(0, str(ROOT / "tests/support"))
from free_ports import free_ports  # noqa: E402
from gateway_objects import gateway_objects  # noqa: E402, F401


def need_envoy():
    if not ENVOY.exists():
        print(f"\n!!! SKIPPED: there is no {ENVOY}\n", file=sys.stderr, flush=True)
        raise unittest.SkipTest("no Envoy")


def wait_until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            raise AssertionError(f"after {seconds} s still not: {told}")
        time.sleep(0.02)
    return found


def closed_port():
    """A port that nobody listens on; bound, so that nobody will. Returns (port, socket)."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder.getsockname()[1], holder


class Process:
    """A child whose first line of output says that it is ready; its stderr is in a file."""

    def __init__(self, name, command, **more):
        self.name = name
        self.errors = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=self.errors, text=True,
            **more)

    def first_line(self):
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} did not start:\n{self.log()}")
        return line

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def log(self):
        self.errors.seek(0)
        return self.errors.read()[-8000:]

    def kill(self):
        self.child.kill()
        self.child.communicate(timeout=60)

    def stop(self):
        """SIGTERM; the exit code, which a sanitizer's report would make non-zero."""
        self.child.send_signal(signal.SIGTERM)
        self.child.communicate(timeout=60)
        return self.child.returncode

    def end(self):
        """stop(), which has to go well."""
        if self.stop() != 0:
            raise AssertionError(f"{self.name} ended badly:\n{self.log()}")


class ExtProc(Process):
    """`rage bbr` or `rage epp`."""

    def __init__(self, subcommand, *flags, tls=False):
        self.port = free_ports()
        self.command = [
            BINARY, subcommand, "--grpc-port", self.port, "--grpc-health-port", 0,
            "--metrics-port", 0, "--drain-timeout", "2s",
            f"--secure-serving={'true' if tls else 'false'}", *flags]
        self.start()

    def start(self):
        super().__init__(self.command[1], self.command)
        ports = re.findall(r":(\d+), health on (\d+), metrics on (\d+)", self.first_line())
        self.port, self.health_port, self.metrics_port = map(int, ports[0])

    def restart(self, how):
        """The same again on the same port, after kill() or stop()."""
        getattr(self, how)()
        self.start()

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if line and not line.startswith("#")}


class SimModel(Process):
    """`rage sim-model`. `port` given: the same one again, after a restart."""

    def __init__(self, name, *flags, port=0):
        super().__init__(name, [BINARY, "sim-model", "--port", port or free_ports(), "--name", name,
                                *flags])
        self.port = int(self.first_line().rsplit(":", 1)[1])


def write_pool(path, ports):
    """What `rage epp --endpoints-file` reads."""
    path.write_text(json.dumps({"endpoints": [
        {"name": f"model-{i}", "address": "127.0.0.1", "port": str(port)}
        for i, port in enumerate(ports)]}))
    return path


class Backends(Process):
    def __init__(self, count):
        super().__init__("backends", [sys.executable, HERE / "backends.py", count],
                         stdin=subprocess.PIPE)
        self.ports = [int(port) for port in self.first_line().split()]


class Envoy(Process):
    def __init__(self, config, concurrency=1):
        self.folder = Path(tempfile.mkdtemp(prefix="rage-envoy-"))
        path = self.folder / "envoy.json"
        path.write_text(json.dumps(config))
        self.admin_file = self.folder / "admin"
        super().__init__("envoy", [
            ENVOY, "-c", path, "--disable-hot-restart", "--concurrency", concurrency,
            "--log-level", "error", "--admin-address-path", self.admin_file])
        wait_until(self._has_admin, "Envoy's admin address")
        self.admin = int(self.admin_file.read_text().rsplit(":", 1)[1])
        wait_until(lambda: self.get("/ready")[0] == 200, "Envoy ready")
        listeners = json.loads(self.get("/listeners?format=json")[1])["listener_statuses"]
        self.ports = {x["name"]: x["local_address"]["socket_address"]["port_value"]
                      for x in listeners}

    def _has_admin(self):
        if self.child.poll() is not None:
            raise RuntimeError(f"Envoy did not start:\n{self.log()}")
        return self.admin_file.exists() and ":" in self.admin_file.read_text()

    def get(self, path):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        except OSError:
            return 0, ""

    def counter(self, pattern):
        """The sum of the counters whose name matches."""
        _, text = self.get("/stats?usedonly")
        found = re.findall(rf"^[^\s]*{pattern}: (\d+)$", text, re.M)
        return sum(map(int, found))

    def kill(self):
        super().kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def seen(self, name):
        """Values of a header as the model server saw it."""
        return [value for key, value in json.loads(self.headers["x-seen"]) if key == name]


def call(port, method="POST", path="/echo", body=None, headers=None, timeout=30, connection=None):
    """One HTTP/1.1 request; a body that is an iterator goes out chunked."""
    own = connection is None
    connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.putrequest(method, path)
        for name, value in headers.items() if isinstance(headers, dict) else headers or []:
            connection.putheader(name, value)
        if body is None:
            connection.endheaders()
        elif isinstance(body, bytes):
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
        else:
            connection.putheader("transfer-encoding", "chunked")
            connection.endheaders()
            for part in body:
                connection.send(b"%x\r\n%s\r\n" % (len(part), part))
            connection.send(b"0\r\n\r\n")
        reply = connection.getresponse()
        return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
    finally:
        if own:
            connection.close()


def completion(model, size=0, **more):
    """A JSON body of about `size` bytes."""
    text = json.dumps({"model": model, **more})
    pad = "".join(chr(97 + i % 26) for i in range(97)) * (max(0, size - len(text)) // 97 + 1)
    return json.dumps({"model": model, "prompt": pad[: max(0, size - len(text))], **more}).encode()
