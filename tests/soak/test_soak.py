"""Mixed traffic with faults: nothing leaks, nothing wrong is said, and what fails has a reason."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
import unittest

from faults import Faults
from traffic import Crowd

SECONDS = float(os.environ.get("SOAK_SECONDS", "30"))
CLIENTS = int(os.environ.get("SOAK_CLIENTS", "6"))
BINARY = os.environ["RAGE_BINARY"]
LONG = 600


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def is_sanitized():
    """A sanitizer's shadow memory is a mapping of terabytes."""
    told = subprocess.run(["nm", "-D", BINARY], capture_output=True, text=True)
    return "__asan_init" in told.stdout or "__tsan_init" in told.stdout


class Soak(unittest.TestCase):
    def setUp(self):
        self.faults = Faults()
        self.addCleanup(self.faults.close)
        self.errors = open(self.faults.folder / "log", "w+", encoding="utf-8")
        self.addCleanup(self.errors.close)
        self.process = subprocess.Popen(
            [BINARY, "rag", "--data", str(self.faults.disk / "data"), "--port", "0", "--embedder",
             "hashing", "--llm-url", self.faults.model_url, "--guardrails-policy",
             str(self.faults.policy)],
            stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.kill)
        line = self.process.stdout.readline()
        self.assertIn("ready on", line)
        self.port = int(line.rsplit(":", 1)[1])

    def watch(self, until):
        """Samples of the memory until then, one or more a second."""
        while time.monotonic() < until:
            self.assertIsNone(self.process.poll(), "the service has ended")
            self.samples.append((time.monotonic(), resident_kib(self.process.pid)))
            time.sleep(min(1.0, max(0.05, until - time.monotonic())))

    def test_mixed_traffic_with_faults(self):
        self.samples = []
        began = time.monotonic()
        end = began + SECONDS
        crowd = Crowd(self.port, CLIENTS, self.faults)
        try:
            # Calm and faults take turns; in the long form each fault comes many times.
            turn = max(2.0, min(20.0, SECONDS / 12))
            faults = self.faults.names()
            for number in range(10**6):
                self.watch(min(end, time.monotonic() + turn))
                if time.monotonic() + turn >= end:
                    break
                with self.faults.during(faults[number % len(faults)]):
                    self.watch(min(end, time.monotonic() + turn))
            self.watch(end)
        finally:
            crowd.stop()
        growth = self.growth(began, end)
        print(f"\n{sum(crowd.outcomes.values())} requests in {SECONDS:.0f} s, memory "
              f"{growth:+.1%}: {json.dumps(dict(sorted(crowd.outcomes.items())))}", file=sys.stderr)
        self.assertEqual(crowd.wrong, [])
        self.assertEqual(crowd.unexplained, [])
        for kind in ("write", "search", "ask", "plain", "stream", "list"):
            self.assertGreater(crowd.outcomes[f"{kind} 200"], 0, kind)
        flat = 0.05 if SECONDS >= LONG and not is_sanitized() else 0.30
        self.assertLess(growth, flat, f"{self.samples[:: max(1, len(self.samples) // 40)]}")
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(60), 0)

    def growth(self, began, end):
        """From the second third to the last sixth, as a share: medians, as samples jump."""
        def median(first, last):
            inside = [kib for when, kib in self.samples
                      if began + first * (end - began) <= when <= began + last * (end - began)]
            return statistics.median(inside)

        return median(0.84, 1.0) / median(0.34, 0.66) - 1


if __name__ == "__main__":
    unittest.main()
