"""What an operator does to a running service: another embedder, backups, certificates, overload."""

import http.client
import http.server
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from support import BINARY, Service, free_ports

FRUIT = ["apples are red", "pears are green", "bananas are yellow"]


def rage(*words, environment=None, timeout=120):
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True,
                          timeout=timeout, env={**os.environ, **(environment or {})})


def documents(texts):
    return [{"text": text} for text in texts]


class Answers:
    """An HTTP server whose POST replies `reply(body)` gives: (status, JSON)."""

    def __init__(self, reply):
        owner = self
        self.bodies = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.bodies.append((self.headers.get("Authorization"), body))
                status, answer = reply(body)
                text = json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    pass  # Whoever asked gave up.

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class OperationsTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="rage-operations-"))
        self.addCleanup(shutil.rmtree, self.folder, True)

    def service(self, data, *flags, port=0, stop=True):
        service = Service(self.folder / data, "--answers", "extractive", *flags,
                          embedder="hashing", port=port)
        if stop:
            self.addCleanup(self.stop, service)
        return service

    def stop(self, service):
        if service.process.poll() is None:
            self.assertEqual(service.stop(), 0, service.log[-4000:])

    def first_hit(self, service, query, index="fruit"):
        status, reply = service.call("POST", "/retrieve", {"index_name": index, "query": query})
        return reply["results"][0]["text"] if status == 200 else (status, reply["detail"])


class RemoteEmbedder(OperationsTest):
    def test_another_rag_service_embeds(self):
        """KAITO's own remote embedder cannot start."""
        port = free_ports()
        embedding = self.service("embedding", port=port, stop=False)
        remote = {"EMBEDDING_TYPE": "remote",
                  "REMOTE_EMBEDDING_URL": f"http://127.0.0.1:{port}/v1/embeddings"}
        os.environ.update(remote)
        self.addCleanup(lambda: [os.environ.pop(name, None) for name in remote])
        service = self.service("rag")
        self.assertEqual(service.index("fruit", documents(FRUIT))[0], 200)
        self.assertEqual(self.first_hit(service, FRUIT[1]), FRUIT[1])
        ready = service.call("GET", "/readyz")[1]
        self.assertEqual((ready["status"], ready["embedder"]), ("Ready", "hashing-384"))
        self.assertEqual([stage["stage"] for stage in ready["stages"]],
                         ["guardrails policy", "embedder", "indexes", "service"])
        metrics = service.call("GET", "/metrics")[1]
        self.assertIn('rag_embedding_requests_total{status="success",mode="remote"} 2', metrics)
        self.assertIn('rage_embeddings_total{kind="passage"} 3', metrics)

        self.assertEqual(embedding.stop(), 0)  # Down: an error that says so, and nothing hangs.
        status, detail = self.first_hit(service, FRUIT[1])
        self.assertEqual(status, 503)
        self.assertIn(f"http://127.0.0.1:{port}/v1/embeddings", detail)
        self.assertEqual(service.call("GET", "/indexes")[1], ["fruit"])
        deadline = time.monotonic() + 20
        while service.call("GET", "/readyz")[0] != 503:  # It trusts its last success for 10 s.
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.3)
        for name in remote:
            os.environ.pop(name)
        self.service("embedding", port=port)
        self.assertEqual(self.first_hit(service, FRUIT[1]), FRUIT[1])
        self.assertEqual(service.call("GET", "/readyz")[0], 200)

    def test_kaitos_protocol(self):
        def embed(body):
            inputs = body["inputs"]
            if isinstance(inputs, list):
                return 422, {"detail": "one text at a time"}
            return 200, [float(inputs.count(letter)) + 0.1 for letter in "abcdefghijklmnop"]

        embedding = Answers(embed)
        self.addCleanup(embedding.close)
        service = self.service("rag", "--embedder-url", embedding.url + "/embedding",
                               "--embedder-token", "secret")
        self.assertEqual(service.index("fruit", documents(FRUIT))[0], 200)
        self.assertEqual(self.first_hit(service, FRUIT[0]), FRUIT[0])
        self.assertEqual({key for key, _ in embedding.bodies}, {"Bearer secret"})
        self.assertIn({"inputs": FRUIT[2]}, [body for _, body in embedding.bodies])
        ready = service.call("GET", "/readyz")[1]
        self.assertEqual(ready["embedder"], embedding.url + "/embedding")

    def test_what_does_not_work_is_said_at_the_start(self):
        refusing = Answers(lambda body: (401, {"error": {"message": "wrong key"}}))
        self.addCleanup(refusing.close)
        for url, message in ((refusing.url + "/v1/embeddings", "REMOTE_EMBEDDING_ACCESS_SECRET"),
                             (f"http://127.0.0.1:{free_ports()}/embedding",
                              "checking the embedder"),
                             ("localhost:1", "must begin with http")):
            told = rage("rag", "--port", 0, "--data", self.folder / "x", "--embedder-url", url)
            self.assertEqual(told.returncode, 1)
            self.assertIn(message, told.stderr)


class Reindex(OperationsTest):
    def test_an_index_moves_to_another_embedder_while_it_serves(self):
        other = Answers(lambda body: (200, {"model": "letters", "data": [
            {"embedding": [text.count(letter) + 0.1 for letter in "abcdefghijklmnopqrstuvwxyz"]}
            for text in body["input"]]}))
        self.addCleanup(other.close)
        old = self.service("rag", stop=False)
        texts = FRUIT + [f"document number {i}" for i in range(200)]
        self.assertEqual(old.index("fruit", documents(texts))[0], 200)
        self.assertEqual(old.index("plain", documents(FRUIT))[0], 200)
        self.assertEqual(old.stop(), 0)

        url = other.url + "/v1/embeddings"
        alone = self.service("rag", "--embedder-url", url, stop=False)
        status, detail = self.first_hit(alone, FRUIT[0])
        self.assertEqual(status, 412)
        self.assertIn("rage reindex fruit", detail)
        self.assertEqual(alone.stop(), 0)

        service = self.service("rag", "--embedder-url", url, "--old-embedder", "hashing")
        self.assertEqual([entry["index"] for entry in
                          service.call("GET", "/readyz")[1]["outdated"]], ["fruit", "plain"])
        failures = []
        done = threading.Event()

        def ask():
            while not done.is_set():
                if self.first_hit(service, FRUIT[1]) != FRUIT[1]:
                    failures.append("lost")
                written = service.index("fruit", [{"text": f"written {time.monotonic()}"}])
                if written[0] != 200:
                    failures.append(written)
                texts.append(written[1][0]["text"])

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            told = rage("reindex", "--all", "--server", service.url)
        finally:
            done.set()
            asking.join()
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("hashing-384 -> letters", told.stdout)
        self.assertEqual(failures, [])
        self.assertEqual(service.texts("fruit"), set(texts))
        ready = service.call("GET", "/readyz")[1]
        self.assertEqual((ready["outdated"], ready["embedder"]), ([], "letters"))
        again = rage("reindex", "--all", "--server", service.url)
        self.assertIn("has the embedder letters already", again.stdout)
        self.assertEqual(rage("reindex", "none", "--server", service.url).returncode, 1)


class BackupAndRestore(OperationsTest):
    def test_under_load_and_through_the_service(self):
        service = self.service("rag")
        self.assertEqual(service.index("fruit", documents(FRUIT))[0], 200)
        self.assertEqual(service.index("other", documents(["stays"]))[0], 200)
        stop = threading.Event()
        acknowledged = []

        def write():
            while not stop.is_set():
                pair = [f"left {len(acknowledged)}", f"right {len(acknowledged)}"]
                if service.index("fruit", documents(pair))[0] == 200:
                    acknowledged.append(pair)

        writer = threading.Thread(target=write)
        writer.start()
        backup = self.folder / "all.tar"
        try:
            deadline = time.monotonic() + 60
            while len(acknowledged) < 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            before = len(acknowledged)
            told = rage("backup", "--all", backup, "--data", self.folder / "rag")
        finally:
            stop.set()
            writer.join()
        self.assertEqual(told.returncode, 0, told.stderr)
        listed = subprocess.run(["tar", "-tf", str(backup)], capture_output=True, text=True)
        self.assertIn("rage-backup/manifest.json", listed.stdout)

        refused = rage("restore", backup, "--data", self.folder / "rag")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--server", refused.stderr)
        exists = rage("restore", backup, "--data", self.folder / "rag", "--server", service.url)
        self.assertIn("already exists", exists.stderr)
        restored = rage("restore", backup, "fruit", "--overwrite", "--data", self.folder / "rag",
                        "--server", service.url)
        self.assertEqual(restored.returncode, 0, restored.stderr)
        texts = service.texts("fruit")
        self.assertLessEqual(set(FRUIT), texts)
        for pair in acknowledged[:before]:
            self.assertLessEqual(set(pair), texts)
        lefts = {t.split()[1] for t in texts if t.startswith("left")}
        self.assertEqual(lefts, {t.split()[1] for t in texts if t.startswith("right")})
        self.assertEqual([p.name for p in (self.folder / "rag").glob("restore-*")], [])

        elsewhere = rage("restore", backup, "--data", self.folder / "elsewhere")
        self.assertEqual(elsewhere.returncode, 0, elsewhere.stderr)
        copy = self.service("elsewhere")
        self.assertEqual(copy.texts("other"), {"stays"})

    def test_a_backup_of_what_a_database_keeps_is_the_databases(self):
        """A copy of what a data directory still holds of old must not be taken for one."""
        told = rage("backup", "--all", self.folder / "all.tar", "--data", self.folder / "rag",
                    environment={"VECTOR_DB_TYPE": "postgres"})
        self.assertEqual(told.returncode, 1)
        self.assertIn("pg_dump", told.stderr)
        self.assertFalse((self.folder / "all.tar").exists())

    def test_a_torn_backup_is_refused(self):
        service = self.service("rag")
        self.assertEqual(service.index("fruit", documents(FRUIT))[0], 200)
        backup = self.folder / "fruit.tar"
        told = rage("backup", "fruit", backup, "--data", self.folder / "rag")
        self.assertEqual(told.returncode, 0, told.stderr)
        backup.write_bytes(backup.read_bytes()[:-20000])
        told = rage("restore", backup, "--verify")
        self.assertEqual(told.returncode, 1)
        self.assertIn("cut off or damaged", told.stderr)


class KeysAndCertificates(OperationsTest):
    def certificate(self, name):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1",
             "-days", "30", "-keyout", str(self.folder / "new.key"),
             "-out", str(self.folder / "new.crt")], check=True, capture_output=True)
        os.replace(self.folder / "new.key", self.folder / "tls.key")
        os.replace(self.folder / "new.crt", self.folder / "tls.crt")

    def presented(self, port):
        return ssl.get_server_certificate(("127.0.0.1", port))

    def test_commands_send_keys_and_trust_a_certificate_that_is_renewed(self):
        self.certificate("first")
        key = "a-key-for-tests"
        hashed = subprocess.run(["sha256sum"], input=key, capture_output=True, text=True).stdout
        (self.folder / "keys").write_text(f"ci read,write,admin {hashed.split()[0]}\n")
        service = self.service("rag", "--api-keys", str(self.folder / "keys"),
                               "--tls-cert", str(self.folder / "tls.crt"),
                               "--tls-key", str(self.folder / "tls.key"))
        self.assertTrue(service.url.startswith("https://"))
        text = self.folder / "fruit.txt"
        text.write_text(FRUIT[0])
        ca = ["--server", service.url, "--ca-file", self.folder / "tls.crt"]
        refused = rage("index", "fruit", text, *ca)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("RAGE_API_KEY", refused.stderr)
        self.assertEqual(rage("index", "fruit", text, *ca, "--api-key", key).returncode, 0)
        found = rage("retrieve", "fruit", "apples", *ca, environment={"RAGE_API_KEY": key})
        self.assertIn(FRUIT[0], found.stdout, found.stderr)

        first = self.presented(service.port)
        self.certificate("second")
        deadline = time.monotonic() + 30
        while self.presented(service.port) == first:
            self.assertLess(time.monotonic(), deadline, "the renewed certificate is not used")
            time.sleep(0.2)
        found = rage("retrieve", "fruit", "apples", *ca, environment={"RAGE_API_KEY": key})
        self.assertIn(FRUIT[0], found.stdout, found.stderr)


class Rerank(OperationsTest):
    def test_the_reranker_that_is_configured_orders(self):
        def rank(body):
            scores = [float(len(set(body["query"].split()) & set(text.split())))
                      for text in body["documents"]]
            return 200, {"results": [{"index": i, "relevance_score": score}
                                     for i, score in enumerate(scores)]}

        reranker = Answers(rank)
        self.addCleanup(reranker.close)
        service = self.service("rag", "--reranker-url", reranker.url + "/v1/rerank",
                               "--reranker-token", "secret", "--reranker-model", "small")
        status, reply = service.call("POST", "/v1/rerank", {
            "query": "pears are green", "documents": [FRUIT[0], {"text": FRUIT[1]}], "top_n": 1,
            "return_documents": True})
        self.assertEqual((status, reply), (200, {"model": "small", "results": [
            {"index": 1, "relevance_score": 3.0, "document": {"text": FRUIT[1]}}]}))
        self.assertEqual(reranker.bodies[0], ("Bearer secret", {
            "query": "pears are green", "documents": FRUIT[:2], "model": "small", "top_n": 1}))
        for bad in ({"query": "x"}, {"documents": ["a"]}, {"query": "x", "documents": [1]},
                    {"query": "x", "documents": ["a"], "top_n": 0}):
            self.assertEqual(service.call("POST", "/v1/rerank", bad)[0], 400)


class PassThrough(OperationsTest):
    def test_the_first_words_do_not_wait_for_the_last(self):
        """What a model streams arrives byte by byte as it was sent, and when it was sent."""
        go_on = threading.Event()
        asked = []
        events = [b'data: {"choices": [{"delta":  {"content":"Hel"}}]}\n\n: still here\n\n',
                  b'data: {"choices":[{"delta":{"content":"lo"}}],"odd":1}\n\ndata: [DONE]\n\n']

        class Model(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(events[0])
                self.wfile.flush()
                go_on.wait(60)
                self.wfile.write(events[1])

            def log_message(self, *_):
                pass

        model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
        threading.Thread(target=model.serve_forever, daemon=True).start()
        self.addCleanup(lambda: (go_on.set(), model.shutdown(), model.server_close()))
        service = self.service("rag", "--llm-url",
                               f"http://127.0.0.1:{model.server_port}/v1/chat/completions")
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        body = b'{"stream":true, "messages":[{"role":"user","content":"hi"}],"n":1}'
        connection.request("POST", "/v1/chat/completions", body,
                           {"Content-Type": "application/json"})
        reply = connection.getresponse()
        first = b""
        while len(first) < len(events[0]):
            piece = reply.read1(4096)
            self.assertTrue(piece, first)
            first += piece
        self.assertEqual(first, events[0])  # The model has not said the rest yet.
        self.assertFalse(go_on.is_set())
        go_on.set()
        self.assertEqual(reply.read(), events[1])
        self.assertEqual(asked, [body])
        connection.close()


class Overload(OperationsTest):
    def test_a_slow_model_leaves_workers_to_searches(self):
        release = threading.Event()

        def answer(body):
            release.wait(60)
            return 200, {"choices": [{"message": {"role": "assistant", "content": "late"}}]}

        model = Answers(answer)
        self.addCleanup(model.close)
        self.addCleanup(release.set)
        service = self.service("rag", "--workers", "4", "--llm-url",
                               model.url + "/v1/chat/completions")
        self.assertEqual(service.index("fruit", documents(FRUIT))[0], 200)
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        statuses = []
        chats = [threading.Thread(target=lambda: statuses.append(
            service.call("POST", "/v1/chat/completions", body)[0])) for _ in range(2)]
        for chat in chats:
            chat.start()
        deadline = time.monotonic() + 30
        while len(model.bodies) < 2:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        connection.request("POST", "/v1/chat/completions", json.dumps(body),
                           {"Content-Type": "application/json"})
        refused = connection.getresponse()
        self.assertEqual((refused.status, refused.headers["Retry-After"]), (429, "1"))
        self.assertIn("detail", json.loads(refused.read()))
        connection.close()
        self.assertEqual(self.first_hit(service, FRUIT[0]), FRUIT[0])
        self.assertEqual(service.call("GET", "/health")[0], 200)
        release.set()
        for chat in chats:
            chat.join()
        self.assertEqual(statuses, [200, 200])

    def test_who_asks_while_it_starts_learns_how_far_it_is(self):
        go_on = threading.Event()

        def embed(body):
            go_on.wait(60)
            return 200, [1.0, 2.0]

        embedding = Answers(embed)
        self.addCleanup(embedding.close)
        self.addCleanup(go_on.set)
        port = free_ports()
        process = subprocess.Popen(
            [BINARY, "rag", "--data", str(self.folder / "rag"), "--port", str(port),
             "--embedder-url", embedding.url + "/embedding"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close()))

        def ready():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("GET", "/readyz")
                reply = connection.getresponse()
                return reply.status, json.loads(reply.read())
            except OSError:
                return 0, {}
            finally:
                connection.close()

        deadline = time.monotonic() + 60
        while not embedding.bodies:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        status, body = ready()
        self.assertEqual(status, 503)
        self.assertEqual([(s["stage"], s["state"]) for s in body["stages"]],
                         [("guardrails policy", "done"), ("embedder", "running")])
        go_on.set()
        self.assertIn("ready on", process.stdout.readline())
        self.assertEqual(ready()[0], 200)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), 0)


if __name__ == "__main__":
    unittest.main()
