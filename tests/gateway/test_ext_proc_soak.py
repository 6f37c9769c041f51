"""Mixed requests through Envoy, BBR and EPP while things break: bodies whole, statuses explained.

RAGE_GATEWAY_REQUESTS=10000 for a long run; its counts are printed.
"""

import collections
import hashlib
import json
import os
import random
import socket
import sys
import threading
import time
import unittest

import envoy_config as ec
from backends import pattern
from support import Backends, Envoy, ExtProc, call, completion, need_envoy, wait_until

REQUESTS = int(os.environ.get("RAGE_GATEWAY_REQUESTS", "600"))
CLIENTS = 16
TIMEOUT = 30
# Once the picker is back, Envoy may still find out that connections to it have gone.
RESTART_GRACE = 3.0


class Corrupted(AssertionError):
    pass


def check_echo(reply, body):
    if reply.body != body:
        raise Corrupted(f"{len(reply.body)} bytes of {len(body)}")


class Kinds:
    """Each does one request; what it returns is the outcome if all is well."""

    def __init__(self, port):
        self.port = port

    def post(self, body, **more):
        return call(self.port, body=body, timeout=TIMEOUT, **more)

    def small(self, rng):
        body = completion(rng.choice("mno"), rng.randrange(1, 3000))
        reply = self.post(body)
        if reply.status == 200:
            check_echo(reply, body)
        return reply.status, "small body"

    def large(self, rng):
        body = completion("m", rng.randrange(100_000, 1_500_000))
        reply = self.post(body)
        if reply.status == 200:
            check_echo(reply, body)
        return reply.status, "large body"

    def huge(self, rng):
        body = completion("m", rng.randrange(4_000_000, 8_000_000))
        reply = self.post(body)
        if reply.status == 200:
            check_echo(reply, body)
        return reply.status, "huge body"

    def jittered(self, rng):
        body = completion("m", rng.randrange(1000, 200_000))
        cuts = sorted(rng.randrange(len(body)) for _ in range(8))

        def parts():
            for begin, end in zip([0, *cuts], [*cuts, len(body)]):
                if end > begin:
                    time.sleep(rng.random() * 0.004)
                    yield body[begin:end]

        reply = self.post(parts())
        if reply.status == 200:
            check_echo(reply, body)
        return reply.status, "chunked body"

    def events(self, rng):
        body = completion("m", rng.randrange(1, 50_000), stream=True)
        count = rng.randrange(2, 60)
        reply = self.post(body, path=f"/sse/{count}")
        if reply.status == 200:
            wanted = [hashlib.sha256(body).hexdigest(), *map(str, range(1, count))]
            if reply.body.decode() != "".join(f"data: {x}\n\n" for x in wanted):
                raise Corrupted(f"{count} events: {reply.body[-100:]}")
        return reply.status, "event stream"

    def big_response(self, rng):
        size = rng.randrange(1, 1_500_000)
        reply = self.post(completion("m"), path=f"/big/{size}")
        if reply.status == 200 and reply.body != pattern(size):
            raise Corrupted(f"response: {len(reply.body)} bytes of {size}")
        return reply.status, "large response"

    def get(self, _rng):
        return call(self.port, method="GET", timeout=TIMEOUT).status, "header-only"

    def failing_replicas(self, rng):
        body = completion("m", rng.randrange(1, 200_000))
        mood = rng.choice(["503", "reset"])
        failing = rng.sample(range(4), 2)
        reply = self.post(body, headers={"x-fail": ",".join(f"{i}={mood}" for i in failing)})
        if reply.status == 200:
            check_echo(reply, body)
        return reply.status, "retried elsewhere"

    def no_json(self, rng):
        status = self.post(b"\x00\xff" * rng.randrange(1, 1000)).status
        return (200 if status == 400 else status), "refused as no JSON (400)"

    def abort_upload(self, rng):
        self.abandon(b"/echo", completion("m", 100_000)[: rng.randrange(90_000)])
        return 200, "client left while sending"

    def abort_response(self, rng):
        path = rng.choice([b"/sse/2000", b"/big/3000000", b"/slow/2000"])
        self.abandon(path, completion("m", 100_000), rng.random() * 0.05)
        return 200, "client left while receiving"

    def abandon(self, path, sent, wait=0.0):
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as client:
            client.sendall(b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n" % path)
            client.sendall(sent)
            time.sleep(wait)


MIX = {"small": 40, "large": 12, "huge": 1, "jittered": 8, "events": 10, "big_response": 6,
       "get": 8, "failing_replicas": 6, "no_json": 3, "abort_upload": 3, "abort_response": 3}


class Soak(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_envoy()
        cls.backends = Backends(4)
        cls.pool = ",".join(f"127.0.0.1:{port}" for port in cls.backends.ports)
        cls.bbr = ExtProc("bbr", "--enable-grpc-stream-metrics", tls=True)
        cls.epp = cls.start_epp()
        retry = {"retry_policy": {"retry_on": "5xx,connect-failure,reset", "num_retries": 3}}
        listener = ec.listener("main", [ec.ext_proc("bbr", "bbr", ec.ALL_DUPLEX),
                                        ec.ext_proc("epp", "epp", ec.ALL_DUPLEX)],
                               [ec.route("pool", **retry)])
        cls.envoy = Envoy(ec.bootstrap([listener], [
            ec.backends("pool", cls.backends.ports), ec.processor("bbr", cls.bbr.port, tls=True),
            ec.processor("epp", cls.epp.port)]))

    @classmethod
    def start_epp(cls, port=0):
        return ExtProc("epp", "--endpoints", cls.pool, "--fallbacks", "3",
                       "--enable-grpc-stream-metrics", port=port)

    @classmethod
    def tearDownClass(cls):
        cls.envoy.kill()
        codes = [cls.bbr.stop(), cls.epp.stop()]
        cls.backends.kill()
        if any(codes):
            raise AssertionError(cls.bbr.log() + cls.epp.log())

    def setUp(self):
        self.lock = threading.Lock()
        self.outcomes = collections.Counter()
        self.unexplained = []
        self.restarts = []  # (from, to)
        self.picker_is_up = threading.Event()
        self.picker_is_up.set()
        self.seed = random.randrange(1 << 30)
        self.numbers = iter(range(REQUESTS))

    def client(self):
        kinds = Kinds(self.envoy.ports["main"])
        while True:
            with self.lock:
                number = next(self.numbers, None)
            if number is None:
                return
            rng = random.Random(self.seed + number)
            name = rng.choices(list(MIX), list(MIX.values()))[0]
            began = time.monotonic()
            try:
                status, outcome = getattr(kinds, name)(rng)
            except Exception as error:  # pylint: disable=broad-except
                status, outcome = error, name
            if self.note(number, name, status, outcome, began, time.monotonic()):
                # Clients back off; refused at once, they would use up all requests meanwhile.
                self.picker_is_up.wait(TIMEOUT)
                time.sleep(0.1)

    def note(self, number, name, status, outcome, began, ended):
        """Whether the request was refused because the picker restarts."""
        with self.lock:
            restarting = any(began < to and ended > at for at, to in self.restarts)
            hung = isinstance(status, TimeoutError)
            if status == 200:
                self.outcomes[outcome] += 1
                return False
            if restarting and not hung and not isinstance(status, Corrupted):
                what = status if isinstance(status, int) else "connection closed"
                self.outcomes[f"picker restarting ({what})"] += 1
                return True
            self.unexplained.append((number, name, repr(status), round(ended - began, 2)))
            return False

    def restart_picker(self, how):
        with self.lock:
            span = [time.monotonic() - 0.2, float("inf")]
            self.restarts.append(span)
        self.picker_is_up.clear()
        port = self.epp.port
        getattr(self.epp, how)()
        type(self).epp = self.start_epp(port)
        self.picker_is_up.set()
        with self.lock:
            span[1] = time.monotonic() + RESTART_GRACE

    def test_nothing_is_corrupted_truncated_or_hangs(self):
        clients = [threading.Thread(target=self.client) for _ in range(CLIENTS)]
        began = time.monotonic()
        for client in clients:
            client.start()
        done = 0
        for share, how in ((0.3, "kill"), (0.7, "stop")):
            while any(c.is_alive() for c in clients) and done < share * REQUESTS:
                time.sleep(0.05)
                with self.lock:
                    done = sum(self.outcomes.values()) + len(self.unexplained)
            self.restart_picker(how)
        for client in clients:
            client.join()
        took = time.monotonic() - began
        print(f"\n{REQUESTS} requests by {CLIENTS} clients in {took:.1f} s, seed {self.seed}: "
              f"{json.dumps(self.outcomes, indent=1)}", file=sys.stderr)
        self.assertEqual(self.unexplained, [], f"seed {self.seed}")
        self.assertEqual(sum(self.outcomes.values()), REQUESTS)
        restarting = sum(v for k, v in self.outcomes.items() if k.startswith("picker"))
        self.assertLess(restarting, max(REQUESTS / 4, 200), "too few requests met a picker")
        for process, prefix in ((self.bbr, "bbr"), (self.epp, "llm_d_epp")):
            key = prefix + "_extproc_streams_inflight"
            wait_until(lambda p=process, k=key: p.metrics()[k] == 0, f"no {prefix} stream left")
        self.assertEqual(self.envoy.counter("spurious_msgs_received"), 0)


if __name__ == "__main__":
    unittest.main()
