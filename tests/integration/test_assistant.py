"""`rage assistant` as its clients see it, with a scripted model behind it, a real Redis, and a real
`rage rag`."""

import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from support import BINARY, SCHEDULE, Service, free_ports

AGENT_ENVIRONMENT = ("OPENAI_", "RAG_INDEX", "REDIS_", "CORS_", "ENABLE_", "RAGE_")


class Model(http.server.BaseHTTPRequestHandler):
    """Answers as `Model.script` says, each entry once, the last for ever: statuses, callables."""

    script = []
    asked = []
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(404, {"detail": "Not Found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Model.asked.append((self.path, dict(self.headers), body))
        step = Model.script.pop(0) if len(Model.script) > 1 else Model.script[0]
        if callable(step):
            return step(self, body)
        if step != 200:
            return self.reply(step, {"error": {"message": "secret internals"}})
        question = body["messages"][-1]["content"]
        self.reply(200, completion(f"You asked: {question}"))

    def reply(self, status, body, headers=()):
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def say(self, text):
        chunk = {"model": "m-1", "choices": [{"delta": {"content": text}}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_):
        pass


def completion(text):
    return {
        "id": "c", "model": "m-1",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class Assistant:
    """One `rage assistant` process."""

    def __init__(self, *flags, **environment):
        self.errors = tempfile.TemporaryFile("w+")  # A pipe that nobody reads would fill up.
        clean = {k: v for k, v in os.environ.items() if not k.startswith(AGENT_ENVIRONMENT)}
        self.process = subprocess.Popen(
            [BINARY, "assistant", "--port", "0", *flags],
            stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env={**clean, **environment},
        )
        line = self.process.stdout.readline()
        if "ready on" not in line:
            self.stop()
            raise RuntimeError(f"rage assistant did not start: {self.log}")
        self.port = int(line.rsplit(":", 1)[1])

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def call(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            payload = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            given = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, payload, given)
            reply = connection.getresponse()
            text = reply.read().decode()
            is_json = reply.headers.get("content-type", "").startswith("application/json")
            return reply.status, json.loads(text) if is_json and text else text
        finally:
            connection.close()

    def chat(self, message, session, **more):
        return self.call("POST", "/chat", {"message": message, "session_id": session, **more})

    def history(self, session):
        return self.call("GET", f"/chat/history/{session}")[1]["messages"]

    def stream(self, message, session):
        """The events of one streamed answer, as (name, data)."""
        connection = self.connect()
        body = json.dumps({"message": message, "session_id": session})
        connection.request("POST", "/chat/stream", body, {"Content-Type": "application/json"})
        text = connection.getresponse().read().decode()
        connection.close()
        return [event_of(block) for block in text.split("\n\n") if block]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        self.errors.seek(0)
        self.log = self.errors.read()
        self.errors.close()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def event_of(block):
    lines = dict(line.split(": ", 1) for line in block.split("\n"))
    return lines["event"], json.loads(lines["data"])


def eventually(check, seconds=20):
    """Waits for `check()` to be true; what it last said."""
    until = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


class Redis:
    """A real redis-server that keeps every write, and plain commands to it."""

    def __init__(self, folder):
        self.port = free_ports()
        self.folder = folder
        self.url = f"redis://localhost:{self.port}/0"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder,
             "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        if not eventually(self.answers):
            raise RuntimeError("redis-server did not start")

    def answers(self):
        try:
            return self.command("PING") == "PONG"
        except (OSError, RuntimeError):
            return False

    def command(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"*%d\r\n" % len(words))
            for word in words:
                data = word.encode()
                connection.sendall(b"$%d\r\n%s\r\n" % (len(data), data))
            with connection.makefile("rb") as reader:
                return self._read(reader)

    def _read(self, reader):
        line = reader.readline()
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise RuntimeError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else reader.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self._read(reader) for _ in range(int(rest))]
        return rest

    def kill(self):
        self.process.kill()
        self.process.wait()


class WithModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = Server(("127.0.0.1", 0), Model)
        threading.Thread(target=cls.model.serve_forever, daemon=True).start()
        cls.base = f"http://127.0.0.1:{cls.model.server_address[1]}"

    @classmethod
    def tearDownClass(cls):
        cls.model.shutdown()
        cls.model.server_close()

    def setUp(self):
        Model.script = [200]
        Model.asked = []
        self.folder = tempfile.mkdtemp(prefix="rage-assistant-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def assistant(self, *flags, data="agent", **environment):
        started = Assistant("--data", f"{self.folder}/{data}", *flags,
                            **{"OPENAI_BASE_URL": f"{self.base}/v1", "OPENAI_CHAT_MODEL_ID": "m",
                               "OPENAI_API_KEY": "key", **environment})
        self.addCleanup(self._end, started)
        return started

    def _end(self, started):
        if started.process.poll() is None:
            self.assertEqual(started.stop(), 0, started.log[-3000:])


class Contract(WithModel):
    def test_the_demos_requests(self):
        agent = self.assistant(CORS_ORIGINS="http://a.example")
        self.assertEqual(agent.call("GET", "/health"),
                         (200, {"status": "healthy", "service": "agent-service"}))
        self.assertEqual(agent.call("GET", "/chat"), (405, {"detail": "Method Not Allowed"}))
        self.assertEqual(agent.call("GET", "/nothing"), (404, {"detail": "Not Found"}))
        self.assertEqual(agent.chat("Hi", "a b"),
                         (200, {"message": "You asked: Hi", "agent_name": "AI Agent",
                                "session_id": "a b"}))
        status, error = agent.call("POST", "/chat", {"message": ""})
        self.assertEqual(status, 422)
        self.assertEqual(error["detail"][0], {
            "type": "string_too_short", "loc": ["body", "message"],
            "msg": "String should have at least 1 character", "input": "",
            "ctx": {"min_length": 1}})
        self.assertEqual(agent.call("POST", "/chat", b"{")[1]["detail"][0]["type"], "json_invalid")
        history = agent.history("a%20b")
        self.assertEqual([m["role"] for m in history], ["user", "assistant"])
        self.assertRegex(history[0]["timestamp"], r"^20\d\d-.*Z$")
        connection = agent.connect()
        connection.request("GET", "/health", headers={"Origin": "http://a.example"})
        reply = connection.getresponse()
        self.assertEqual(reply.headers["access-control-allow-origin"], "http://a.example")
        connection.close()
        page = agent.call("GET", "/metrics")[1]
        self.assertIn('gen_ai_token_type="input"} 11', page)

    def test_upstream_bodies(self):
        agent = self.assistant()
        agent.chat("One?", "s")
        agent.chat("Two?", "s")
        path, headers, body = Model.asked[1]
        self.assertEqual(path, "/v1/chat/completions")
        self.assertEqual(headers["authorization"], "Bearer key")
        self.assertEqual(sorted(body), ["max_completion_tokens", "messages", "model", "stream"])
        self.assertEqual([m["role"] for m in body["messages"]],
                         ["system", "user", "assistant", "user"])
        self.assertEqual(body["messages"][2]["name"], "AI Agent")
        grounded = self.assistant(OPENAI_BASE_URL=f"{self.base}/rag", RAG_INDEX_NAME="talks",
                                  data="other")
        grounded.chat("Three?", "other session")
        path, _, body = Model.asked[2]
        self.assertEqual(path, "/rag/chat/completions")
        self.assertEqual(sorted(body), ["index_name", "max_tokens", "messages", "model", "stream"])
        first = body["messages"][0]["content"]
        self.assertTrue(first.startswith("[Instructions: You are"), first)
        self.assertTrue(first.endswith("]\n\nThree?"), first)
        self.assertEqual(grounded.history("other%20session")[0]["content"], "Three?")

    def test_tries_again_and_then_keeps_the_question(self):
        agent = self.assistant()
        Model.script = [503, 429, 200]
        self.assertEqual(agent.chat("Hi", "s")[0], 200)
        self.assertEqual([h["x-stainless-retry-count"] for _, h, _ in Model.asked], ["0", "1", "2"])
        Model.script = [404]
        status, error = agent.chat("And?", "s")
        self.assertEqual((status, error["detail"]), (500, "Failed to process message"))
        self.assertEqual(error["error_code"], "NOT_FOUND")
        self.assertNotIn("secret", json.dumps(error))
        self.assertEqual(len(Model.asked), 4)
        Model.script = [200]
        status, again = agent.call("POST", "/chat", {"retry": True, "session_id": "s"})
        self.assertEqual(again["message"], "You asked: And?")
        self.assertEqual([m["content"] for m in agent.history("s")],
                         ["Hi", "You asked: Hi", "And?", "You asked: And?"])
        self.assertEqual(agent.stop(), 0)
        self.assertNotIn("And?", agent.log)  # No content unless asked for.
        self.assertNotIn("secret", agent.log)

    def test_survives_kill_and_manages_sessions(self):
        agent = self.assistant()
        agent.chat("First question", "s")
        agent.kill()
        agent = self.assistant()
        self.assertEqual(len(agent.history("s")), 2)
        self.assertEqual(agent.call("PATCH", "/sessions/s", {"title": "Mine"})[0], 200)
        listed = agent.call("GET", "/sessions")[1]["sessions"]
        self.assertEqual([(s["id"], s["title"], s["messages"]) for s in listed],
                         [("s", "Mine", 2)])
        self.assertIn("## Question", agent.call("GET", "/sessions/s/export?format=markdown")[1])
        self.assertEqual(agent.call("DELETE", "/sessions/s")[0], 204)
        self.assertEqual(agent.history("s"), [])

    def test_ready_says_what_is_missing(self):
        agent = self.assistant()
        self.assertEqual(agent.call("GET", "/ready")[0], 200)
        lonely = self.assistant(OPENAI_BASE_URL="http://127.0.0.1:9/v1", data="lonely")
        status, body = lonely.call("GET", "/ready")
        self.assertEqual((status, body["checks"]["history"]["ok"]), (503, True))

    def test_many_sessions_at_once_lose_nothing(self):
        agent = self.assistant()
        sessions, failures = 200, []

        def talk(number):
            for turn in range(2):
                status, reply = agent.chat(f"q{turn} of {number}", f"s{number}")
                if status != 200 or reply["message"] != f"You asked: q{turn} of {number}":
                    failures.append((number, turn, status, reply))

        threads = [threading.Thread(target=talk, args=(i,)) for i in range(sessions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        for number in range(sessions):
            self.assertEqual(len(agent.history(f"s{number}")), 4)


class Streams(WithModel):
    def test_a_reader_who_leaves_stops_the_model(self):
        stopped = threading.Event()

        def endless(handler, _):
            handler.begin_stream()
            try:
                while True:
                    handler.say("Another sentence. ")
                    time.sleep(0.02)
            except OSError:
                stopped.set()

        Model.script = [endless]
        agent = self.assistant()
        connection = agent.connect()
        connection.request("POST", "/chat/stream", json.dumps({"message": "x", "session_id": "s"}),
                           {"Content-Type": "application/json"})
        reply = connection.getresponse()
        self.assertIn(b"session_id", reply.read(60))
        self.assertTrue(reply.read(200))
        reply.close()
        connection.close()
        self.assertTrue(stopped.wait(20))
        messages = eventually(lambda: len(agent.history("s")) == 2 and agent.history("s"))
        self.assertTrue(messages[1]["content"].startswith("Another sentence."))

    def test_a_model_that_dies_in_the_middle_is_told_in_plain_words(self):
        def breaks_off(handler, _):
            handler.begin_stream()
            handler.say("It begins. And")

        Model.script = [breaks_off]
        agent = self.assistant()
        events = agent.stream("x", "s")
        self.assertEqual(events[0], ("session", {"session_id": "s"}))
        self.assertEqual(events[-1][0], "error")
        self.assertIn("broke off", events[-1][1]["message"])
        self.assertEqual(len(agent.history("s")), 1)


class WithRedis(WithModel):
    def setUp(self):
        super().setUp()
        os.mkdir(self.folder + "/redis")
        self.redis = Redis(self.folder + "/redis")
        self.addCleanup(self.redis.kill)

    def records(self, session):
        return [json.loads(r)
                for r in self.redis.command("LRANGE", f"chat_messages:{session}", "0", "-1")]

    def test_records_are_the_demos(self):
        agent = self.assistant(REDIS_URL=self.redis.url)
        agent.chat("Hi", "a b")
        self.assertEqual(self.redis.command("TYPE", "chat_messages:a b"), "list")
        text = {"type": "text", "additional_properties": {}}
        self.assertEqual(self.records("a b"), [
            {"type": "message", "role": "user", "contents": [{**text, "text": "Hi"}],
             "additional_properties": {}},
            {"type": "message", "role": "assistant",
             "contents": [{**text, "text": "You asked: Hi"}], "author_name": "AI Agent",
             "additional_properties": {}}])
        self.assertEqual(self.redis.command("TTL", "chat_messages:a b"), -1)
        self.assertRegex(agent.history("a%20b")[1]["timestamp"], "^20")

    def test_conversations_of_the_demo_open(self):
        for record in (
            {"type": "message", "role": {"type": "role", "value": "user"}, "content": "Old?"},
            {"type": "message", "role": "assistant", "author_name": "AI Agent",
             "contents": [{"type": "text", "text": "Yes."}, {"type": "text", "text": "More"}]},
        ):
            self.redis.command("RPUSH", "chat_messages:old", json.dumps(record))
        self.redis.command("RPUSH", "chat_messages:old", "not json")
        agent = self.assistant(REDIS_URL=self.redis.url)
        self.assertEqual(agent.history("old"), [
            {"role": "user", "content": "Old?", "timestamp": None},
            {"role": "assistant", "content": "Yes.", "timestamp": None, "agent_name": "AI Agent"}])
        agent.chat("New?", "old")
        self.assertEqual([m["content"] for m in Model.asked[0][2]["messages"][1:]],
                         ["Old?", "Yes.", "New?"])
        listed = agent.call("GET", "/sessions")[1]["sessions"]
        self.assertEqual((listed[0]["id"], listed[0]["messages"]), ("old", 5))
        self.assertEqual(agent.call("PATCH", "/sessions/old", {"title": "T"})[1]["title"], "T")
        self.assertEqual(agent.call("DELETE", "/sessions/old")[0], 204)
        self.assertEqual(self.redis.command("KEYS", "chat_*"), [])

    def test_time_to_live_is_kept(self):
        agent = self.assistant(REDIS_URL=self.redis.url, REDIS_SESSION_TTL="3600")
        agent.chat("Hi", "s")
        for key in ("chat_messages:s", "chat_extras:s", "chat_meta:s"):
            self.assertGreater(self.redis.command("TTL", key), 3500, key)

    def test_redis_dying_in_the_middle_loses_no_turn(self):
        agent = self.assistant(REDIS_URL=self.redis.url)

        def answers_after_redis_died(handler, _):
            self.redis.kill()
            handler.reply(200, completion("Still here."))

        Model.script = [answers_after_redis_died, 200]
        self.assertEqual(agent.chat("Hi", "s")[1]["message"], "Still here.")
        status, error = agent.chat("Again", "s")
        self.assertEqual((status, error["detail"]), (500, "Failed to process message"))
        self.assertEqual(agent.call("GET", "/chat/history/s")[0], 500)
        self.assertEqual(agent.call("GET", "/ready")[0], 503)
        self.assertEqual(agent.call("GET", "/health")[0], 200)
        self.redis.start()
        self.assertEqual(agent.call("GET", "/ready")[0], 200)
        self.assertEqual([m["content"] for m in agent.history("s")], ["Hi", "Still here."])

    def test_a_wrong_address_is_refused_at_once(self):
        failed = subprocess.run(
            [BINARY, "assistant", "--base-url", "http://127.0.0.1:9/v1", "--port", "0", "--redis",
             "localhost:6379"], capture_output=True, text=True, timeout=60)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("redis://", failed.stderr)


class Grounded(unittest.TestCase):
    """In front of the real RAG service: answers come from the schedule, and say so."""

    def test_streams_a_grounded_answer_and_an_honest_no(self):
        folder = tempfile.mkdtemp(prefix="rage-assistant-")
        self.addCleanup(shutil.rmtree, folder, True)
        service = Service(folder + "/rag", "--answers", "extractive", embedder="hashing")
        self.addCleanup(service.stop)
        documents = json.loads(SCHEDULE.read_text())["documents"]
        self.assertEqual(service.index("schedule", documents)[0], 200)
        agent = Assistant("--data", folder, "--index", "schedule", "--model", "any",
                          "--base-url", f"{service.url}/v1")
        self.addCleanup(agent.stop)
        self.assertEqual(agent.call("GET", "/ready")[0], 200)
        events = agent.stream("In which room is All Your Keyboards Are Belong To Us?", "s")
        name, done = events[-1]
        self.assertEqual(name, "done")
        self.assertEqual("".join(d["text"] for n, d in events if n == "delta"), done["message"])
        self.assertIn("Ballroom C", done["message"])
        self.assertEqual(done["grounding"]["mode"], "composed")
        self.assertIn("all-your-keyboards", done["grounding"]["citations"][0]["url"])
        self.assertTrue(done["sources"])
        follow_up = agent.chat("Who presents it?", "s")[1]["message"]
        self.assertIn("Federico Lucifredi", follow_up)
        no = agent.stream("When does Linus Torvalds speak?", "s")[-1][1]
        self.assertEqual(no["grounding"]["mode"], "abstained")


if __name__ == "__main__":
    unittest.main()
