"""kill -9 whatever the service was doing: no acknowledged write is lost, none is there by half.
RAGE_CRASH_TRIES=100 for the long run."""

import os
import random
import shutil
import tempfile
import threading
import time
import unittest

from mixed_writes import check_groups, start_writers
from support import Service

TRIES = int(os.environ.get("RAGE_CRASH_TRIES", "50"))


class Crash(unittest.TestCase):
    def test_kill_9_during_mixed_writes_loses_nothing_and_leaves_no_half(self):
        chance = random.Random(23)
        data = tempfile.mkdtemp(prefix="rage-crash-")
        self.addCleanup(shutil.rmtree, data, ignore_errors=True)
        groups = []
        service = Service(data, embedder="hashing")
        for attempt in range(TRIES):
            stop = threading.Event()
            writers = start_writers(service, f"attempt {attempt}", groups, stop)
            time.sleep(chance.uniform(0.02, 0.25))
            service.kill()
            stop.set()
            for writer in writers:
                writer.join()
            service = Service(data, embedder="hashing")
            check_groups(self, service, groups)
        acknowledged = sum(group.acknowledged for group in groups)
        self.assertGreater(acknowledged, TRIES)
        print(f"{TRIES} kills, {acknowledged} acknowledged writes")
        self.assertEqual(service.stop(), 0)
