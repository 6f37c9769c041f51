"""An acknowledged document is there after kill -9, whatever the service was doing."""

import os
import random
import shutil
import tempfile
import threading
import time
import unittest

from support import Service

TRIES = int(os.environ.get("RAGE_CRASH_TRIES", "50"))


class Crash(unittest.TestCase):
    def test_kill_9_during_indexing_loses_no_acknowledged_document(self):
        chance = random.Random(23)
        data = tempfile.mkdtemp(prefix="rage-crash-")
        self.addCleanup(shutil.rmtree, data, ignore_errors=True)
        acknowledged = set()
        service = Service(data, embedder="hashing")
        for attempt in range(TRIES):
            lock = threading.Lock()

            def write(worker):
                for i in range(100000):
                    texts = [
                        f"attempt {attempt} worker {worker} document {i} part {part}"
                        for part in range(3)
                    ]
                    try:
                        status, _ = service.index("i", [{"text": text} for text in texts])
                    except OSError:
                        return
                    except Exception:  # http.client's own errors when the reply is cut.
                        return
                    if status == 200:
                        with lock:
                            acknowledged.update(texts)

            workers = [threading.Thread(target=write, args=(worker,)) for worker in range(2)]
            for worker in workers:
                worker.start()
            time.sleep(chance.uniform(0.02, 0.25))
            service.kill()
            for worker in workers:
                worker.join()
            service = Service(data, embedder="hashing")
            missing = acknowledged - service.texts("i")
            self.assertFalse(
                missing, f"attempt {attempt}: {len(missing)} of {len(acknowledged)} lost"
            )
        self.assertGreater(len(acknowledged), TRIES)
        self.assertEqual(service.stop(), 0)
