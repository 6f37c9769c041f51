"""What was acknowledged is there after kill -9, whatever the service was doing, and nothing is
there by half. RAGE_CRASH_TRIES=100 for the long run."""

import os
import random
import shutil
import tempfile
import threading
import time
import unittest

from mixed_writes import check_groups, write_groups
from support import Service
from with_postgres import listed

TRIES = int(os.environ.get("RAGE_CRASH_TRIES", "50"))


class Crash(unittest.TestCase):
    def test_kill_9_during_mixed_writes_loses_nothing_and_leaves_no_half(self):
        chance = random.Random(23)
        data = tempfile.mkdtemp(prefix="rage-crash-")
        self.addCleanup(shutil.rmtree, data, ignore_errors=True)
        groups = []
        service = Service(data, embedder="hashing")
        for attempt in range(TRIES):
            writers = [
                threading.Thread(
                    target=write_groups,
                    args=(service, f"attempt {attempt} writer {w}", groups, threading.Event()),
                )
                for w in range(2)
            ]
            for writer in writers:
                writer.start()
            time.sleep(chance.uniform(0.02, 0.25))
            service.kill()
            for writer in writers:
                writer.join()
            service = Service(data, embedder="hashing")
            check_groups(self, listed(service, "i"), groups)
        acknowledged = sum(group.acknowledged for group in groups)
        self.assertGreater(acknowledged, TRIES)
        print(f"{TRIES} kills, {acknowledged} acknowledged writes")
        self.assertEqual(service.stop(), 0)


if __name__ == "__main__":
    unittest.main()
