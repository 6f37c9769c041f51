"""Indexes in PostgreSQL: what holds for the built-in store holds there, for several services at
once, and while the database comes and goes."""

import hashlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import test_api
from support import ROOT, SCHEDULE, Service
from mixed_writes import listed
from with_postgres import flags_of, start_postgres

QUESTIONS = (
    "In which room is the talk about autovacuum?",
    "What does Thessaly Monteverde present?",
    "Which talks are in Ballroom H?",
    "What does a ticket to the moon cost?",
)
postgres = None


def setUpModule():
    global postgres
    postgres = start_postgres()


def tearDownModule():
    postgres.stop()


class ApiOnPostgres(test_api.Api):
    """Limits, bad input, concurrency and copies under load."""

    @classmethod
    def setUpClass(cls):
        cls.flags = flags_of(postgres, "api")
        super().setUpClass()


def wait_for(service, status):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        answered, body = service.call("GET", "/readyz")
        if answered == status:
            return body
        time.sleep(0.05)
    raise AssertionError(f"/readyz did not come to {status}")


class Shared:
    """What holds for every database; flags(namespace) says which."""

    def setUp(self):
        self.data = tempfile.mkdtemp(prefix="rage-store-")
        self.addCleanup(shutil.rmtree, self.data, ignore_errors=True)

    def start(self, namespace):
        flags = (*self.flags(namespace), "--answers", "extractive")
        service = Service(self.data, *flags, embedder="hashing")
        self.addCleanup(lambda: service.process.poll() is None and service.kill())
        return service

    def ask(self, service, question):
        body = {"index_name": "i", "messages": [{"role": "user", "content": question}]}
        status, reply = service.call("POST", "/v1/chat/completions", body)
        self.assertEqual(status, 200, reply)
        message = reply["choices"][0]["message"]["content"]
        return message, [node["doc_id"] for node in reply["source_nodes"] or []]

    def test_answers_are_those_of_the_built_in_store(self):
        documents = [
            {"text": document["text"], "metadata": document.get("metadata", {})}
            for document in json.loads(SCHEDULE.read_text())["documents"]
        ]
        other = tempfile.mkdtemp(prefix="rage-store-")
        self.addCleanup(shutil.rmtree, other, ignore_errors=True)
        built_in = Service(other, "--answers", "extractive", embedder="hashing")
        self.addCleanup(built_in.kill)
        stored = self.start("answers")
        for service in (built_in, stored):
            self.assertEqual(service.index("i", documents)[0], 200)
        for question in QUESTIONS:
            self.assertEqual(self.ask(stored, question), self.ask(built_in, question))
        query = {"index_name": "i", "query": "OpenSearch", "max_node_count": 20}
        hits = [s.call("POST", "/retrieve", query)[1]["results"] for s in (built_in, stored)]
        self.assertEqual(*[[(hit["text"], hit["source"]) for hit in found] for found in hits])
        metrics = stored.call("GET", "/metrics")[1]
        self.assertIn('operation="insert",status="success"} 1', metrics)

    def test_two_services_see_each_others_writes(self):
        one, two = self.start("shared"), self.start("shared")
        one.index("i", [{"text": "first"}, {"text": "second"}])
        self.assertEqual(listed(two, "i"), ["first", "second"])
        doc_id = hashlib.sha256(b"first").hexdigest()
        update = {"documents": [{"doc_id": doc_id, "text": "first, revised"}]}
        self.assertEqual(two.call("POST", "/indexes/i/documents", update)[0], 200)
        self.assertEqual(listed(one, "i"), ["second", "first, revised"])
        self.assertEqual(one.call("DELETE", "/indexes/i")[0], 200)
        self.assertEqual(two.call("GET", "/indexes"), (200, []))
        self.assertEqual(two.call("GET", "/indexes/i/documents")[0], 404)
        # Another service's indexes are its own.
        two.index("i", [{"text": "third"}])
        self.assertEqual(self.start("another").call("GET", "/indexes"), (200, []))

    def test_a_filter_narrows_what_is_found(self):
        service = self.start("filters")
        documents = [
            {"text": f"document {i}", "metadata": {"day": i % 3, "weight": f"{i} g"}}
            for i in range(60)
        ]
        service.index("i", documents)
        cases = (({"day": 1}, 20), ({"weight": {"$lt": "0.01 kg"}}, 10), ({"x": 1}, 0))
        for wanted, count in cases:
            query = {"index_name": "i", "query": "document 7", "max_node_count": 50}
            found = service.call("POST", "/retrieve", {**query, "metadata_filter": wanted})[1]
            self.assertEqual(found["count"], count, wanted)

    def test_what_was_persisted_can_be_loaded(self):
        service = self.start("copies")
        service.index("i", [{"text": "one"}, {"text": "two"}])
        self.assertEqual(service.call("POST", "/persist/i")[0], 200)
        service.call("DELETE", "/indexes/i")
        self.assertEqual(service.call("POST", "/load/i")[0], 200)
        self.assertEqual(listed(service, "i"), ["one", "two"])
        query = {"index_name": "i", "query": "two"}
        self.assertEqual(service.call("POST", "/retrieve", query)[1]["results"][0]["text"], "two")


class OnPostgres(Shared, unittest.TestCase):
    def flags(self, namespace):
        return flags_of(postgres, namespace)

    def test_a_database_that_dies_is_said_and_comes_back_without_a_restart(self):
        service = self.start("dying")
        acknowledged, replies, stop = set(), set(), threading.Event()

        def write(worker):
            for i in range(100000):
                if stop.is_set():
                    return
                text = f"worker {worker} document {i}"
                status, _ = service.index("i", [{"text": text}])
                replies.add(status)
                if status == 200:
                    acknowledged.add(text)

        def read():
            while not stop.is_set():
                body = {"index_name": "i", "query": "document"}
                replies.add(service.call("POST", "/retrieve", body)[0])

        service.index("i", [{"text": "before"}])
        threads = [threading.Thread(target=write, args=(worker,)) for worker in range(2)]
        threads.append(threading.Thread(target=read))
        for thread in threads:
            thread.start()
        for _ in range(2):
            time.sleep(0.3)
            postgres.kill()
            detail = wait_for(service, 503)["detail"]
            self.assertIn("the vector database does not answer", detail)
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
            connection.request("GET", "/indexes")
            reply = connection.getresponse()
            self.assertEqual((reply.status, reply.headers["retry-after"]), (503, "1"))
            connection.close()
            postgres.start()
            wait_for(service, 200)
        time.sleep(0.3)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(replies, {200, 503})
        texts = listed(service, "i")
        self.assertEqual(len(texts), len(set(texts)))
        self.assertLessEqual(acknowledged, set(texts))
        self.assertGreater(len(acknowledged), 5)
        self.assertEqual(service.call("GET", "/health")[0], 200)
        self.assertEqual(service.stop(), 0)
        self.assertIn("vector store answers again", service.log)


@unittest.skipUnless("RAGE_TEST_QDRANT" in os.environ, "needs a Python with qdrant-client")
class OnQdrantsModel(Shared, unittest.TestCase):
    """Not Qdrant itself: see tests/support/qdrant_local.py."""

    @classmethod
    def setUpClass(cls):
        program = ROOT / "tests/support/qdrant_local.py"
        cls.server = subprocess.Popen(
            [os.environ["RAGE_TEST_QDRANT"], program, "0"], stdout=subprocess.PIPE, text=True
        )
        cls.url = cls.server.stdout.readline().split()[-1]

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.communicate(timeout=30)

    def flags(self, namespace):
        return (
            "--vector-db", "qdrant",
            "--vector-db-url", self.url,
            "--vector-db-namespace", namespace,
        )


if __name__ == "__main__":
    unittest.main()
