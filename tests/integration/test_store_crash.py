"""Two services on one PostgreSQL, mixed writes, and kill -9 of a service, of both, or of the
database: no acknowledged write is lost, and none is there by half. RAGE_CRASH_TRIES=100 for the
long run."""

import hashlib
import os
import random
import shutil
import tempfile
import threading
import time
import unittest

from with_postgres import listed, start_postgres, start_service

TRIES = int(os.environ.get("RAGE_CRASH_TRIES", "6"))


def id_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Group:
    """Three documents that are written together; `states`: what may be there of them."""

    def __init__(self, name):
        self.texts = [f"{name} part {part}" for part in range(3)]
        self.states = [frozenset()]
        self.acknowledged = 0

    def write(self, send, after):
        """Sends a change to `after`; True if it was acknowledged."""
        self.states.append(frozenset(after))  # Until a reply is there, both are possible.
        try:
            status = send()[0]
        except Exception:  # Of http.client's many when the service is gone.
            status = 0
        if status == 200:
            self.states = [frozenset(after)]
            self.acknowledged += 1
        return status == 200


def write_groups(service, name, groups, stop):
    for i in range(100000):
        if stop.is_set():
            return
        group = Group(f"{name} group {i}")
        groups.append(group)
        documents = [{"text": text} for text in group.texts]
        if not group.write(lambda: service.index("i", documents), group.texts):
            return
        if i % 3 == 1:
            revised = [f"{text} revised" for text in group.texts]
            body = {
                "documents": [
                    {"doc_id": id_of(text), "text": new} for text, new in zip(group.texts, revised)
                ]
            }
            if not group.write(
                lambda: service.call("POST", "/indexes/i/documents", body), revised
            ):
                return
        if i % 3 == 2:
            body = {"doc_ids": [id_of(text) for text in group.texts]}
            if not group.write(
                lambda: service.call("POST", "/indexes/i/documents/delete", body), []
            ):
                return


class StoreCrash(unittest.TestCase):
    def setUp(self):
        self.postgres = start_postgres()
        self.addCleanup(self.postgres.stop)
        self.data = tempfile.mkdtemp(prefix="rage-store-crash-")
        self.addCleanup(shutil.rmtree, self.data, ignore_errors=True)

    def start(self):
        return start_service(self.postgres, self.data)

    def check(self, texts, groups):
        self.assertEqual(len(texts), len(set(texts)))
        there = {}
        for text in texts:
            there.setdefault(text.split(" part ")[0], set()).add(text)
        for group in groups:
            found = there.pop(group.texts[0].split(" part ")[0], set())
            self.assertIn(found, group.states)
        self.assertEqual(there, {})

    def test_kill_9_during_mixed_writes_loses_nothing_and_leaves_no_half(self):
        chance = random.Random(23)
        services = [self.start(), self.start()]
        groups = []
        for attempt in range(TRIES):
            stop = threading.Event()
            writers = [
                threading.Thread(
                    target=write_groups,
                    args=(service, f"attempt {attempt} service {s} writer {w}", groups, stop),
                )
                for s, service in enumerate(services)
                for w in range(2)
            ]
            for writer in writers:
                writer.start()
            time.sleep(chance.uniform(0.05, 0.5))
            victims = ((0,), (1,), (0, 1), ())[attempt % 4]  # None of them: the database.
            for victim in victims:
                services[victim].kill()
            if not victims:
                self.postgres.kill()
            stop.set()
            for writer in writers:
                writer.join()
            if not victims:
                self.postgres.start()
            for victim in victims:
                services[victim] = self.start()
            for service in services:
                self.check(listed(service, "i"), groups)
        self.assertGreater(sum(group.acknowledged for group in groups), TRIES)
        print(f"{TRIES} kills, {sum(group.acknowledged for group in groups)} acknowledged writes")
        for service in services:
            self.assertEqual(service.stop(), 0)


if __name__ == "__main__":
    unittest.main()
