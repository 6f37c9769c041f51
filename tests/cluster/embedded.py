"""`rage apiserver` as a process, and kubectl against it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "tests/support/cluster"
BINARY = os.environ.get("RAGE_BINARY", str(ROOT / "build/release/rage"))
CACHE = Path(
    os.environ.get("RAGE_CACHE_DIR")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rage"
)
KUBECTL = CACHE / "cluster/bin/kubectl"

sys.path.insert(0, str(SCRIPTS))
from kubeapi import Api, ApiError  # noqa: E402, F401


class Embedded:
    """A context manager; `folder` has a kubeconfig and, for kubeapi.Api, cluster.json."""

    kubectl_path = KUBECTL

    def __init__(self, arguments=()):
        """`arguments` of `rage apiserver`."""
        self.arguments = list(arguments)
        self._folder = Path(tempfile.mkdtemp(prefix="rage-apiserver-"))
        self.folder = self._folder / "cluster"
        self.process = None
        self.port = 0
        self.start()
        self.api = Api(self.folder)

    def start(self):
        self.folder.mkdir(exist_ok=True)
        with open(self.folder / "apiserver.log", "a") as log:
            self.process = subprocess.Popen(
                [BINARY, "apiserver", "--data", str(self.folder), "--port", str(self.port),
                 *self.arguments],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True,
            )
        line = self.process.stdout.readline()
        found = re.search(r"ready on (https://[\d.]+:(\d+))", line)
        if not found:
            raise AssertionError(f"rage apiserver did not start:\n{self.log_tail()}")
        self.port = int(found[2])  # The same again after a restart.
        token = (self.folder / "tokens.csv").read_text().split(",")[0]
        facts = {"server": found[1], "ca": str(self.folder / "ca.crt"), "token": token}
        (self.folder / "cluster.json").write_text(json.dumps(facts))

    def log_tail(self, characters=4000):
        return (self.folder / "apiserver.log").read_text()[-characters:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """The exit code, which a sanitizer's report would make non-zero."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        told = self.log_tail(20000)
        shutil.rmtree(self._folder, ignore_errors=True)
        if code != 0:
            raise AssertionError(f"rage apiserver ended with {code}:\n{told}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def create(self, kind, name, namespace=None, **more):
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        document = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}
        self.kubectl("create", "-f", "-", text=json.dumps(document))

    def kubectl(self, *arguments, text=None, check=True, environment=None):
        result = subprocess.run(
            [str(KUBECTL), "--kubeconfig", str(self.folder / "kubeconfig"),
             "--cache-dir", str(self.folder / "kubectl-cache"), *map(str, arguments)],
            input=text, capture_output=True, text=True, timeout=120,
            env={**os.environ, **(environment or {})},
        )
        if check and result.returncode != 0:
            raise AssertionError(
                f"kubectl {' '.join(map(str, arguments))}:\n{result.stdout}{result.stderr}")
        return result.stdout if check else result


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.05)
    return found
