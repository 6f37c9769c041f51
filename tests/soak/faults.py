"""A model, a disk and a policy that fail when told to, and which requests that explains."""

import contextlib
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from traffic import FORBIDDEN

# What a fault may do to which kinds of requests.
EXPLAINS = {
    "slow model": {"ask", "plain", "stream"},
    "model down": {"ask", "plain", "stream"},
    "disk full": {"write"},
    "policy broken": set(),  # The last good policy stays in force: nothing fails.
}
GRACE = 3.0  # A request that was sent in a fault may end after it.

POLICY = f"""scanners:
  - type: ban_substrings
    action: redact
    substrings: ["{FORBIDDEN}"]
"""


class Model(http.server.BaseHTTPRequestHandler):
    """Repeats the last message, word by word where it streams."""

    protocol_version = "HTTP/1.1"
    mode = "good"

    def do_GET(self):
        self.send(json.dumps({"object": "list", "data": [{"id": "m", "max_model_len": 8192}]}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if Model.mode == "down":
            self.close_connection = True
            return
        if Model.mode == "slow":
            time.sleep(0.7)
        text = body["messages"][-1]["content"]
        with contextlib.suppress(OSError):
            self.stream(text) if body.get("stream") else self.send(json.dumps({
                "id": "c", "object": "chat.completion", "model": "m", "choices": [{
                    "index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text}}]}))

    def send(self, text):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def stream(self, text):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for word in text.split():
            self.event({"content": word + " "})
        self.event({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, delta, reason=None):
        chunk = {"id": "c", "object": "chat.completion.chunk", "model": "m",
                 "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, *_):
        pass


class Faults:
    """Resource. Everything a service under soak stands on."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="rage-soak-"))
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.small = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs",
                                     str(self.disk)], capture_output=True).returncode == 0
        self.policy = self.folder / "policy.yaml"
        self.put_policy(POLICY)
        self.model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
        self.model.daemon_threads = True
        threading.Thread(target=self.model.serve_forever, daemon=True).start()
        self.model_url = f"http://127.0.0.1:{self.model.server_port}/v1/chat/completions"
        self.history = []  # [fault, from, to or None]

    def put_policy(self, text):
        beside = self.policy.with_suffix(".new")
        beside.write_text(text)
        os.replace(beside, self.policy)

    def names(self):
        return [name for name in EXPLAINS if self.small or name != "disk full"]

    @contextlib.contextmanager
    def during(self, fault):
        self.history.append([fault, time.monotonic(), None])
        try:
            if fault == "slow model":
                Model.mode = "slow"
            elif fault == "model down":
                Model.mode = "down"
            elif fault == "policy broken":
                self.put_policy("scanners: [")
            elif fault == "disk full":
                self.fill()
            yield
        finally:
            Model.mode = "good"
            self.put_policy(POLICY)
            (self.disk / "filler").unlink(missing_ok=True)
            self.history[-1][2] = time.monotonic()

    def fill(self):
        with contextlib.suppress(OSError), open(self.disk / "filler", "wb", buffering=0) as filler:
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(b"x" * size)

    def explain(self, kind, began):
        """Whether a fault that was on at some time since `began` may be why it failed."""
        now = time.monotonic()
        return any(kind in EXPLAINS[fault] and began - GRACE <= (end or now)
                   for fault, start, end in list(self.history) if start <= now)

    def close(self):
        self.model.shutdown()
        self.model.server_close()
        if self.small:
            subprocess.run(["umount", "-l", str(self.disk)], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)
