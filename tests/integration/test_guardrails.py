"""Output guardrails of the real `rage rag`, with a model that says what it should not."""

import hashlib
import http.client
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from support import BINARY, Service

REDACT = """
action: redact
scanners:
  - type: regex
    patterns: ['(?i)project\\s+\\w+']
  - type: secrets
  - type: sensitive
"""
BLOCK = "blockMessage: Not here.\nscanners: [{type: sensitive, action: block}]\n"
SAYS = "Project Falcon: ask ann@example.com or 555-123-4567, key ghp_0123456789abcdefghijABCD. Bye."
SHOWN = "[REDACTED]: ask <EMAIL> or <PHONE>, key ******. Bye."


class Model(http.server.BaseHTTPRequestHandler):
    """Says `SAYS` to everybody: whole, or as a stream of pieces of `cut` characters."""

    protocol_version = "HTTP/1.1"
    cut = 5
    end_with_text = False  # The last piece together with the finish reason.
    left = threading.Event()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not body.get("stream"):
            message = {"role": "assistant", "content": SAYS, "reasoning_content": SAYS}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            return self.reply({"id": "c-1", "model": "m", "choices": [choice]})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            self.stream()
        except OSError:
            Model.left.set()

    def stream(self):
        self.event({"role": "assistant", "content": ""})
        pieces = [SAYS[i : i + self.cut] for i in range(0, len(SAYS), self.cut)]
        for number, piece in enumerate(pieces):
            self.wfile.write(b": keep-alive\n\n")
            last = number == len(pieces) - 1
            self.event({"content": piece}, "stop" if last and self.end_with_text else None)
        if not self.end_with_text:
            self.event({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, delta, reason=None):
        chunk = {
            "id": "c-1",
            "object": "chat.completion.chunk",
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def reply(self, body):
        payload = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        pass


def put(path, text):
    """As a ConfigMap's volume does: another file in its place."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    os.replace(beside, path)


class GuardrailsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
        threading.Thread(target=cls.model.serve_forever, daemon=True).start()
        cls.folder = Path(tempfile.mkdtemp(prefix="rage-guardrails-"))
        cls.policy = cls.folder / "guardrails.yaml"
        put(cls.policy, REDACT)
        cls.service = Service(
            cls.folder / "data",
            "--llm-url", f"http://127.0.0.1:{cls.model.server_port}/v1/chat/completions",
            "--guardrails-policy", str(cls.policy),
            embedder="hashing",
        )
        cls.service.index("people", [{"text": "Ann is at ann@example.com, whoever asks for her."}])

    @classmethod
    def tearDownClass(cls):
        code = cls.service.stop()
        cls.model.shutdown()
        cls.model.server_close()
        shutil.rmtree(cls.folder, ignore_errors=True)
        if code != 0:
            raise AssertionError(f"rage rag ended with {code}:\n{cls.service.log[-4000:]}")

    def setUp(self):
        Model.cut, Model.end_with_text = 5, False
        self.put_in_force(REDACT)

    def put_in_force(self, text):
        put(self.policy, text)
        wanted = hashlib.sha256(text.encode()).hexdigest()
        self.wait(lambda now: now["sha256"] == wanted and now["problem"] is None)

    def in_force(self):
        return self.service.call("GET", "/guardrails/policy")[1]

    def wait(self, condition, seconds=15):
        deadline = time.monotonic() + seconds
        while not condition(self.in_force()):
            self.assertLess(time.monotonic(), deadline, self.in_force())
            time.sleep(0.1)

    def ask(self, connection=None, **more):
        body = {"model": "m", "messages": [{"role": "user", "content": "Who is Ann?"}], **more}
        own = connection or http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        own.request("POST", "/v1/chat/completions", json.dumps(body),
                    {"Content-Type": "application/json"})
        reply = own.getresponse()
        text = reply.read().decode()
        if connection is None:
            own.close()
        return reply.status, text

    def stream(self, connection=None, **more):
        """(text, finish reasons, parsed events) of a stream that ended with [DONE]."""
        status, body = self.ask(connection, stream=True, **more)
        self.assertEqual(status, 200, body)
        events = [line[6:] for line in body.split("\n") if line.startswith("data: ")]
        self.assertEqual(events.pop(), "[DONE]")
        parsed = [json.loads(event) for event in events]
        choices = [event["choices"][0] for event in parsed if event["choices"]]
        text = "".join(choice["delta"].get("content") or "" for choice in choices)
        return text, [c["finish_reason"] for c in choices if c["finish_reason"]], parsed

    def metric(self, name):
        lines = self.service.call("GET", "/metrics")[1].splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def test_whole_replies_are_redacted(self):
        before = self.metric('ragengine_guardrails_response_actions_total{final_action="redact"}')
        status, body = self.ask()
        self.assertEqual(status, 200, body)
        message = json.loads(body)["choices"][0]["message"]
        self.assertEqual(message["content"], SHOWN)
        self.assertEqual(message["reasoning_content"], SHOWN)
        after = self.metric('ragengine_guardrails_response_actions_total{final_action="redact"}')
        self.assertEqual(after - before, 1)

    def test_no_cut_of_a_stream_changes_what_is_shown(self):
        for cut in (1, 2, 3, 7, 20, 1000):
            for end_with_text in (False, True):
                Model.cut, Model.end_with_text = cut, end_with_text
                text, reasons, events = self.stream()
                self.assertEqual(text, SHOWN, cut)
                self.assertEqual(reasons, ["stop"])
                self.assertEqual({event["id"] for event in events}, {"c-1"})
                self.assertEqual(events[0]["choices"][0]["delta"]["role"], "assistant")

    def test_a_blocked_stream_ends_and_its_connection_serves_the_next(self):
        self.put_in_force(BLOCK)
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        for _ in range(5):
            text, reasons, _ = self.stream(connection)
            self.assertEqual(text, "Project Falcon: ask Not here.")
            self.assertEqual(reasons, ["content_filter"])
            status, body = self.ask(connection)
            self.assertEqual(status, 200)
            self.assertEqual(json.loads(body)["choices"][0]["message"]["content"], "Not here.")
        connection.close()

    def test_grounded_answers_and_their_sources(self):
        for stream in (False, True):
            status, body = self.ask(index_name="people", stream=stream)
            self.assertEqual(status, 200, body)
            self.assertIn("source_nodes", body)
            self.assertNotIn("ann@example.com", body)

    def test_a_bad_or_missing_policy_leaves_the_last_good_one(self):
        put(self.policy, "scanners: [{type: regex, patterns: ['(?<=x)y']}]")
        self.wait(lambda now: now["problem"])
        self.assertIn("regular expression of RE2", self.in_force()["problem"])
        self.assertEqual(json.loads(self.ask()[1])["choices"][0]["message"]["content"], SHOWN)
        health = self.service.call("GET", "/health")
        self.assertEqual(health[0], 200)
        self.assertIn("last good one is in force", health[1]["detail"])
        self.policy.unlink()
        self.wait(lambda now: "RE2" not in now["problem"])
        self.assertEqual(json.loads(self.ask()[1])["choices"][0]["message"]["content"], SHOWN)
        put(self.policy, REDACT)
        self.wait(lambda now: now["problem"] is None)
        self.assertGreaterEqual(self.metric('guardrails_policy_reload_total{result="failure"}'), 2)

    def test_an_edit_is_taken_up(self):
        self.put_in_force(BLOCK)
        status, body = self.ask()
        self.assertEqual(json.loads(body)["choices"][0]["message"]["content"], "Not here.")
        self.assertEqual(self.service.call("GET", "/health")[1]["detail"], None)

    def test_there_is_no_start_without_a_good_policy(self):
        def start(*flags, **environment):
            return subprocess.run(
                [BINARY, "rag", "--data", str(self.folder / "other"), "--port", "0",
                 "--embedder", "hashing", *flags],
                env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)

        away = start("--guardrails-policy", str(self.folder / "away.yaml"))
        self.assertNotEqual(away.returncode, 0)
        self.assertIn("away.yaml", away.stderr)
        unnamed = start(OUTPUT_GUARDRAILS_ENABLED="True")
        self.assertNotEqual(unnamed.returncode, 0)
        self.assertIn("OUTPUT_GUARDRAILS_POLICY_PATH", unnamed.stderr)
        bad = self.folder / "bad.yaml"
        bad.write_text("scanners: [{type: sekrets}]")
        refused = start(OUTPUT_GUARDRAILS_ENABLED="true", OUTPUT_GUARDRAILS_POLICY_PATH=str(bad))
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("sekrets", refused.stderr)

    def test_the_charts_policy_streams(self):
        chart = Path(__file__).resolve().parents[2] / "deploy/charts/rage/files/config"
        self.put_in_force((chart / "ragengine-guardrails-policy-template.yaml").read_text())
        text, reasons, _ = self.stream()
        self.assertEqual(text, "Project Falcon: ask <EMAIL> or <PHONE>, key [REDACTED]. Bye.")
        self.assertEqual(reasons, ["stop"])


if __name__ == "__main__":
    unittest.main()
