"""`rage model pull --to`, as download pods of a ModelMirror run it, against a hub on loopback."""

import hashlib
import http.client
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support import BINARY, free_ports

COMMIT = "c" * 40
FILES = {
    "config.json": b"{}",
    "model.safetensors": os.urandom(3_000_000),
    "parts/vision.json": b'{"kept": true}',
    "original/copy.safetensors": b"left out",
}


class Hub(BaseHTTPRequestHandler):
    """Stops in the middle of the weights until `go_on` is set."""

    go_on = threading.Event()
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/api/models/org/model/revision/"):
            files = [{"rfilename": name, "size": len(data)} for name, data in FILES.items()]
            return self.reply(json.dumps({"sha": COMMIT, "siblings": files}).encode(), "")
        data = FILES[self.path.split(COMMIT + "/", 1)[1]]
        self.reply(data, hashlib.sha256(data).hexdigest())

    def reply(self, data, etag):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        if len(data) > 1_000_000:
            self.go_on.wait(30)
        self.wfile.write(data[len(data) // 2 :])

    def log_message(self, *_):
        pass


class Mirror(unittest.TestCase):
    def test_progress_is_served_and_the_folder_is_whole(self):
        hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        self.addCleanup(hub.server_close)
        self.addCleanup(hub.shutdown)
        port = free_ports()
        folder = tempfile.TemporaryDirectory(prefix="rage-mirror-")
        self.addCleanup(folder.cleanup)
        target = Path(folder.name) / "models/org/model"
        environment = {**os.environ, "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}"}
        process = subprocess.Popen(
            [BINARY, "model", "pull", "hf://org/model", "--to", str(target),
             "--progress-address", f"127.0.0.1:{port}"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.addCleanup(process.kill)
        metrics = self.wait_for_progress(port)
        self.assertEqual(metrics["model_mirror_download_size_bytes"], 3_000_016)
        self.assertGreater(metrics["model_mirror_download_done_bytes"], 0)
        self.assertIn("model_mirror_download_speed_bytes_per_second", metrics)
        self.assertIn("model_mirror_download_remaining_seconds", metrics)
        self.assertFalse((target / "model.safetensors").exists())
        Hub.go_on.set()
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, errors)
        for name in ("config.json", "model.safetensors", "parts/vision.json"):
            self.assertEqual((target / name).read_bytes(), FILES[name])
        self.assertFalse((target / "original").exists())
        self.assertEqual((target / ".rage/commit").read_text().strip(), COMMIT)

    def wait_for_progress(self, port):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/metrics")
                text = connection.getresponse().read().decode()
                connection.close()
            except OSError:
                text = ""
            lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#"]
            found = {name: float(value) for name, value in lines}
            if found.get("model_mirror_download_done_bytes", 0) > 1000:
                return found
            time.sleep(0.1)
        raise AssertionError("no progress was served")


if __name__ == "__main__":
    unittest.main()
