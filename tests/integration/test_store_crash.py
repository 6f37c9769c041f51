"""Two services on one PostgreSQL, mixed writes, and kill -9 of a service, of both, or of the
database: no acknowledged write is lost, and none is there by half. RAGE_CRASH_TRIES=100 for the
long run."""

import os
import random
import shutil
import tempfile
import threading
import time
import unittest

from mixed_writes import check_groups, write_groups
from with_postgres import listed, start_postgres, start_service

TRIES = int(os.environ.get("RAGE_CRASH_TRIES", "6"))


class StoreCrash(unittest.TestCase):
    def setUp(self):
        self.postgres = start_postgres()
        self.addCleanup(self.postgres.stop)
        self.data = tempfile.mkdtemp(prefix="rage-store-crash-")
        self.addCleanup(shutil.rmtree, self.data, ignore_errors=True)

    def start(self):
        return start_service(self.postgres, self.data)

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
                check_groups(self, listed(service, "i"), groups)
        self.assertGreater(sum(group.acknowledged for group in groups), TRIES)
        print(f"{TRIES} kills, {sum(group.acknowledged for group in groups)} acknowledged writes")
        for service in services:
            self.assertEqual(service.stop(), 0)


if __name__ == "__main__":
    unittest.main()
