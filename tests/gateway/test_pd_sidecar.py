"""`rage pd-sidecar` between a client, a prefill and a decode server, both `rage sim-model`."""

import http.client
import json
import re
import threading
import time
import unittest

import support

PROMPT = "Which way is up? " * 200


class Service(support.Process):
    """A subcommand that says where it is ready."""

    def __init__(self, subcommand, *flags):
        super().__init__(subcommand, [support.BINARY, subcommand, "--port", 0, *flags])
        self.port = int(re.search(r":(\d+)$", self.first_line().strip())[1])

    def answered(self):
        """Requests that it answered to the end."""
        text = support.call(self.port, "GET", "/metrics").body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith("vllm:request_success_total{"))


class PdSidecar(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.prefill = cls.start("sim-model", "--name", "prefill-1", "--time-scale", 10)
        cls.broken = cls.start("sim-model", "--name", "broken-1", "--fail", "status:503@1")
        cls.decode = cls.start("sim-model", "--name", "decode-1", "--decode-base-ms", 20)
        cls.sidecar = cls.start_sidecar("--allow-prefiller", "127.0.0.1")

    @classmethod
    def start(cls, *command):
        service = Service(*command)
        cls.addClassCleanup(service.end)
        return service

    @classmethod
    def start_sidecar(cls, *flags):
        return cls.start("pd-sidecar", "--vllm-port", cls.decode.port, "--secure-proxy=false",
                         "--drain-timeout", "2s", *flags)

    def ask(self, sidecar=None, prefiller=None, headers=None, path="/v1/completions", **more):
        body = {"model": "sim-model", "prompt": PROMPT, "max_tokens": 4, "ignore_eos": True, **more}
        named = [("x-prefiller-host-port", prefiller)] if prefiller else []
        return support.call((sidecar or self.sidecar).port, path=path,
                            body=json.dumps(body).encode(), headers=named + (headers or []))

    def at(self, service):
        return f"127.0.0.1:{service.port}"

    def test_prefill_is_asked_first_and_decode_takes_its_blocks(self):
        before = self.prefill.answered()
        reply = self.ask(prefiller=self.at(self.prefill), max_tokens=7)
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(reply.headers["x-sim-name"], "decode-1")
        self.assertEqual(reply.headers["x-sim-prefilled-by"], "prefill-1")
        self.assertEqual(self.prefill.answered(), before + 1)
        usage = json.loads(reply.body)["usage"]
        self.assertEqual(usage["completion_tokens"], 7)

    def test_cached_tokens_are_those_that_prefill_found(self):
        prompt = "a beginning nobody else uses " * 40
        counts = []
        for _ in range(2):
            reply = self.ask(prefiller=self.at(self.prefill), prompt=prompt)
            counts.append(
                json.loads(reply.body)["usage"]["prompt_tokens_details"]["cached_tokens"])
        self.assertEqual(counts[0], 0, "decode's count, for which all of it is cached")
        self.assertGreater(counts[1], 200)

    def test_without_the_header_nothing_is_prefilled(self):
        before = self.prefill.answered()
        reply = self.ask()
        self.assertEqual(reply.status, 200)
        self.assertNotIn("x-sim-prefilled-by", reply.headers)
        self.assertEqual(self.prefill.answered(), before)
        self.assertEqual(support.call(self.sidecar.port, "GET", "/health").status, 200)
        self.assertIn(b"sim-model", support.call(self.sidecar.port, "GET", "/v1/models").body)
        self.assertEqual(self.ask(path="/v1/nothing").status, 404)

    def test_a_stream_arrives_while_it_is_made(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.sidecar.port, timeout=30)
        self.addCleanup(connection.close)
        body = {"model": "sim-model", "prompt": PROMPT, "max_tokens": 40, "ignore_eos": True,
                "stream": True, "stream_options": {"include_usage": True}}
        connection.request("POST", "/v1/completions", json.dumps(body),
                           {"x-prefiller-host-port": self.at(self.prefill)})
        reply = connection.getresponse()
        self.assertEqual(reply.getheader("x-sim-prefilled-by"), "prefill-1")
        arrivals, text = [], b""
        while piece := reply.read1(1 << 16):
            arrivals.append(time.monotonic())
            text += piece
        self.assertGreater(len(arrivals), 10, "it came in few pieces")
        self.assertGreater(arrivals[-1] - arrivals[0], 0.4, "40 tokens take 0.8 s to make")
        events = [line[6:] for line in text.decode().split("\n\n") if line]
        self.assertEqual(events[-1], "[DONE]")
        self.assertEqual(json.loads(events[-2])["usage"]["completion_tokens"], 40)

    def test_decode_does_it_alone_when_prefill_fails(self):
        port, holder = support.closed_port()
        self.addCleanup(holder.close)
        for prefiller in (self.at(self.broken), f"127.0.0.1:{port}"):
            reply = self.ask(prefiller=prefiller)
            self.assertEqual(reply.status, 200, reply.body)
            self.assertNotIn("x-sim-prefilled-by", reply.headers)
            self.assertEqual(json.loads(reply.body)["usage"]["completion_tokens"], 4)
        self.assertIn("decoding without a prefill server", self.sidecar.log())

    def test_failures_are_told_when_that_is_wanted(self):
        strict = self.start_sidecar("--allow-prefiller", "127.0.0.1", "--on-prefill-failure",
                                    "fail", "--prefill-max-retries", 1)
        reply = self.ask(strict, self.at(self.broken))
        self.assertEqual(reply.status, 503)
        self.assertIn(b"simulated failure", reply.body)
        # What is wrong with a request is told in any case.
        reply = self.ask(prefiller=self.at(self.prefill), model="another")
        self.assertEqual(reply.status, 404)

    def test_targets_that_are_not_allowed_are_refused(self):
        answered = self.prefill.answered()
        for target in ("10.9.9.9:80", "localhost:80", "evil.example:80", "127.0.0.1",
                       "127.0.0.1:0", f"127.0.0.1:{self.prefill.port}@10.9.9.9:80",
                       f"10.9.9.9:80,{self.at(self.prefill)}"):
            self.assertEqual(self.ask(prefiller=target).status, 403, target)
        # Nothing local, unless it was allowed: this host's other services trust whom they see.
        careful = self.start_sidecar()
        for target in (self.at(self.prefill), "169.254.169.254:80", "[::1]:80",
                       "[::ffff:127.0.0.1]:80", "0.0.0.0:80"):
            self.assertEqual(self.ask(careful, target).status, 403, target)
        # Nor may a client name the host in the body.
        params = {"do_remote_prefill": True, "remote_engine_id": "x", "remote_block_ids": [],
                  "remote_host": "10.9.9.9", "remote_port": 80}
        self.assertEqual(self.ask(kv_transfer_params=params).status, 403)
        self.assertEqual(self.prefill.answered(), answered)

    def test_sglang_asks_both_at_once(self):
        sidecar = self.start_sidecar("--allow-prefiller", "127.0.0.1", "--kv-connector", "sglang")
        before = self.prefill.answered(), self.decode.answered()
        reply = self.ask(sidecar, self.at(self.prefill), max_tokens=30)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["x-sim-name"], "decode-1")
        support.wait_until(lambda: self.prefill.answered() == before[0] + 1, "prefill was asked")
        self.assertEqual(self.decode.answered(), before[1] + 1)

    def test_a_decode_server_that_is_not_there(self):
        port, holder = support.closed_port()
        self.addCleanup(holder.close)
        sidecar = self.start("pd-sidecar", "--vllm-port", port, "--secure-proxy=false")
        reply = self.ask(sidecar)
        self.assertEqual(reply.status, 503)
        self.assertIn("decode", json.loads(reply.body)["error"]["message"])

    def test_a_reply_that_breaks_off_does_not_look_whole(self):
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
            self.ask(stream=True, headers=[("x-sim-fail", "reset-mid-stream:2")], max_tokens=20)

    def test_many_at_once(self):
        failures = []

        def ask(number):
            reply = self.ask(prefiller=self.at(self.prefill) if number % 2 else None,
                             prompt=f"{number} {PROMPT}", stream=True, max_tokens=10)
            if reply.status != 200 or not reply.body.endswith(b"data: [DONE]\n\n"):
                failures.append((reply.status, reply.body[-100:]))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_tls_is_on_by_default(self):
        import ssl

        sidecar = self.start("pd-sidecar", "--vllm-port", self.decode.port)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", sidecar.port, timeout=20,
                                                 context=context)
        self.addCleanup(connection.close)
        connection.request("GET", "/health")
        self.assertEqual(connection.getresponse().status, 200)


if __name__ == "__main__":
    unittest.main()
