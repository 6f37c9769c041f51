"""Starts the real `rage rag` on a free port and talks to it over HTTP."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ["RAGE_BINARY"]
EMBEDDER = os.environ.get("RAGE_EMBEDDER", "packaged:all-MiniLM-L6-v2")
SCHEDULE = ROOT / "examples/scale23x/schedule_index.json"

sys.path.insert(0, str(ROOT / "tests/support"))
from free_ports import free_ports  # noqa: E402, F401
from gateway_objects import gateway_objects  # noqa: E402, F401


class Service:
    """One `rage rag` process; its data directory is the caller's."""

    def __init__(self, data, *flags, embedder=EMBEDDER, port=0, preexec_fn=None):
        self.process = subprocess.Popen(
            [BINARY, "rag", "--data", str(data), "--port", str(port), "--embedder", embedder,
             *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=preexec_fn,
        )
        line = self.process.stdout.readline()
        if "ready on" not in line:
            raise RuntimeError(f"rage rag did not start: {line}{self.process.stderr.read()}")
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def call(self, method, path, body=None, headers=None, timeout=120):
        """(status, parsed JSON or text) of one request; `body` may be JSON or bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            payload = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(
                method, path, payload, {"Content-Type": "application/json", **(headers or {})}
            )
            reply = connection.getresponse()
            text = reply.read().decode("utf-8", "replace")
            is_json = reply.headers.get("content-type", "").startswith("application/json")
            return reply.status, json.loads(text) if is_json and text else text
        finally:
            connection.close()

    def index(self, name, documents):
        return self.call("POST", "/index", {"index_name": name, "documents": documents})

    def texts(self, name):
        """The set of all texts in an index."""
        found, offset = set(), 0
        while True:
            status, page = self.call(
                "GET", f"/indexes/{name}/documents?limit=100&offset={offset}&max_text_length=100000"
            )
            if status != 200:
                return found
            found.update(document["text"] for document in page["documents"])
            offset += page["count"]
            if page["count"] == 0 or offset >= page["total_items"]:
                return found

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self):
        """SIGTERM; the exit code, which a sanitizer's report would make non-zero."""
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self):
        _, errors = self.process.communicate(timeout=60)
        self.log = errors
        return self.process.returncode


class ServiceTest(unittest.TestCase):
    """A fresh data directory and a service on it for each test class."""

    flags = ()
    embedder = EMBEDDER

    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="rage-integration-")
        cls.service = Service(cls.data, *cls.flags, embedder=cls.embedder)

    @classmethod
    def tearDownClass(cls):
        code = cls.service.stop()
        shutil.rmtree(cls.data, ignore_errors=True)
        if code != 0:
            raise AssertionError(f"rage rag ended with {code}:\n{cls.service.log[-4000:]}")
