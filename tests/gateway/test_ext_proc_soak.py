"""Mixed requests through Envoy, BBR and EPP while things break: bodies whole, statuses explained.

RAGE_GATEWAY_REQUESTS=10000 for a long run; its counts are printed.
"""

import hashlib
import time
import unittest

import envoy_config as ec
from backends import pattern
from soak import TIMEOUT, Corrupted, Soak, abandon
from support import Backends, Envoy, ExtProc, call, completion, need_envoy, wait_until


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
        abandon(self.port, b"/echo", completion("m", 100_000)[: rng.randrange(90_000)])
        return 200, "client left while sending"

    def abort_response(self, rng):
        path = rng.choice([b"/sse/2000", b"/big/3000000", b"/slow/2000"])
        abandon(self.port, path, completion("m", 100_000), rng.random() * 0.05)
        return 200, "client left while receiving"


MIX = {"small": 40, "large": 12, "huge": 1, "jittered": 8, "events": 10, "big_response": 6,
       "get": 8, "failing_replicas": 6, "no_json": 3, "abort_upload": 3, "abort_response": 3}


class EchoSoak(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_envoy()
        cls.backends = Backends(4)
        cls.pool = ",".join(f"127.0.0.1:{port}" for port in cls.backends.ports)
        cls.bbr = ExtProc("bbr", "--enable-grpc-stream-metrics", tls=True)
        cls.epp = ExtProc("epp", "--endpoints", cls.pool, "--fallbacks", "3",
                          "--enable-grpc-stream-metrics")
        retry = {"retry_policy": {"retry_on": "5xx,connect-failure,reset", "num_retries": 3}}
        listener = ec.listener("main", [ec.ext_proc("bbr", "bbr", ec.ALL_DUPLEX),
                                        ec.ext_proc("epp", "epp", ec.ALL_DUPLEX)],
                               [ec.route("pool", **retry)])
        cls.envoy = Envoy(ec.bootstrap([listener], [
            ec.backends("pool", cls.backends.ports), ec.processor("bbr", cls.bbr.port, tls=True),
            ec.processor("epp", cls.epp.port)]))

    @classmethod
    def tearDownClass(cls):
        cls.envoy.kill()
        codes = [cls.bbr.stop(), cls.epp.stop()]
        cls.backends.kill()
        if any(codes):
            raise AssertionError(cls.bbr.log() + cls.epp.log())

    def test_nothing_is_corrupted_truncated_or_hangs(self):
        soak = Soak(Kinds(self.envoy.ports["main"]), MIX)
        soak.run([(0.3, "picker killed", lambda: self.epp.restart("kill")),
                  (0.7, "picker stopped", lambda: self.epp.restart("stop"))])
        soak.check(self)
        for process, prefix in ((self.bbr, "bbr"), (self.epp, "llm_d_epp")):
            key = prefix + "_extproc_streams_inflight"
            wait_until(lambda p=process, k=key: p.metrics()[k] == 0, f"no {prefix} stream left")
        self.assertEqual(self.envoy.counter("spurious_msgs_received"), 0)


if __name__ == "__main__":
    unittest.main()
