"""What soaks share: clients work through numbered requests; every outcome must be explained."""

import collections
import json
import os
import random
import socket
import sys
import threading
import time

REQUESTS = int(os.environ.get("RAGE_GATEWAY_REQUESTS", "600"))
CLIENTS = 16
TIMEOUT = 30
# Once a part is back, Envoy may still find out that connections to it have gone.
RESTART_GRACE = 3.0


class Corrupted(AssertionError):
    pass


def abandon(port, path, sent, wait=0.0):
    """A client that leaves in the middle."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as client:
        client.sendall(b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n" % path)
        client.sendall(sent)
        time.sleep(wait)


class Soak:
    """`kinds` has a method a kind of request: Random to (status, outcome if the status is 200)."""

    def __init__(self, kinds, mix):
        self.kinds, self.mix = kinds, mix
        self.lock = threading.Lock()
        self.outcomes = collections.Counter()
        self.unexplained = []
        self.disturbances = []  # [what, from, to]
        self.calm = threading.Event()
        self.calm.set()
        self.seed = random.randrange(1 << 30)
        self.numbers = iter(range(REQUESTS))

    def run(self, disturbances):
        """`disturbances`: (share of the requests done, what, how) in order of the shares."""
        clients = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        began = time.monotonic()
        for client in clients:
            client.start()
        for share, what, how in disturbances:
            while any(c.is_alive() for c in clients) and self._done() < share * REQUESTS:
                time.sleep(0.05)
            self._disturb(what, how)
        for client in clients:
            client.join()
        print(f"\n{REQUESTS} requests by {CLIENTS} clients in {time.monotonic() - began:.1f} s, "
              f"seed {self.seed}: {json.dumps(self.outcomes, indent=1)}", file=sys.stderr)

    def check(self, case):
        case.assertEqual(self.unexplained, [], f"seed {self.seed}")
        case.assertEqual(sum(self.outcomes.values()), REQUESTS)
        disturbed = sum(v for k, v in self.outcomes.items() if k.endswith(")") and ": " in k)
        case.assertLess(disturbed, max(REQUESTS / 4, 200), "too few met a whole site")

    def _done(self):
        with self.lock:
            return sum(self.outcomes.values()) + len(self.unexplained)

    def _client(self):
        while True:
            with self.lock:
                number = next(self.numbers, None)
            if number is None:
                return
            rng = random.Random(self.seed + number)
            name = rng.choices(list(self.mix), list(self.mix.values()))[0]
            began = time.monotonic()
            try:
                status, outcome = getattr(self.kinds, name)(rng)
            except Exception as error:  # pylint: disable=broad-except
                status, outcome = error, name
            if self._note(number, name, status, outcome, began):
                # Clients back off; refused at once, they would use up all requests meanwhile.
                self.calm.wait(TIMEOUT)
                time.sleep(0.1)

    def _note(self, number, name, status, outcome, began):
        """Whether a disturbance explains that it failed."""
        with self.lock:
            ended = time.monotonic()
            if status == 200:
                self.outcomes[outcome] += 1
                return False
            what = next((w for w, at, to in reversed(self.disturbances)
                         if began < to and ended > at), None)
            if what and not isinstance(status, (TimeoutError, Corrupted)):
                how = status if isinstance(status, int) else "connection closed"
                self.outcomes[f"{what}: ({how})"] += 1
                return True
            self.unexplained.append((number, name, repr(status), round(ended - began, 2)))
            return False

    def _disturb(self, what, how):
        span = [what, time.monotonic() - 0.2, float("inf")]
        with self.lock:
            self.disturbances.append(span)
        self.calm.clear()
        try:
            how()
        finally:
            self.calm.set()
        with self.lock:
            span[2] = time.monotonic() + RESTART_GRACE
