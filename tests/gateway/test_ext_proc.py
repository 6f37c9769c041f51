"""`rage bbr` and `rage epp` behind the real Envoy: body modes, streaming, trailers, retries."""

import hashlib
import os
import socket
import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import envoy_config as ec
from backends import pattern
from support import (
    Backends, Envoy, ExtProc, call, closed_port, completion, need_envoy, wait_until,
)

EXT_PROC_SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
MODES = ("BUFFERED", "BUFFERED_PARTIAL", "STREAMED", "NONE")


def endpoints(ports):
    return ",".join(f"127.0.0.1:{port}" for port in ports)


class World:
    """Backends 0, 1, 2 are the pool; 3 serves model B."""

    def __init__(self):
        self.backends = Backends(4)
        ports = self.backends.ports
        self.closed, self.holder = closed_port()
        pool = endpoints(ports[:3])
        counted = ("--enable-grpc-stream-metrics",)
        small = ("--max-body-size", "10k", "--body-timeout", "500ms")
        self.processes = {
            "bbr": ExtProc("bbr", *counted),
            "bbr_tls": ExtProc("bbr", tls=True),
            "epp": ExtProc("epp", "--endpoints", pool, *counted),
            "epp_tls": ExtProc("epp", "--endpoints", pool, tls=True),
            "epp_b": ExtProc("epp", "--endpoints", endpoints(ports[3:])),
            "epp_one": ExtProc("epp", "--endpoints", pool, "--fallbacks", "0"),
            "epp_refused": ExtProc("epp", "--endpoints", endpoints([self.closed, ports[0]])),
            "epp_small": ExtProc("epp", "--endpoints", pool, *small),
            "bbr_small": ExtProc("bbr", *small),
        }
        self.envoy = Envoy(ec.bootstrap(self.listeners(), self.clusters()))

    def clusters(self):
        ports = self.backends.ports
        health = {"bbr_tls": "inference-extension", "epp_tls": EXT_PROC_SERVICE}
        return [
            ec.backends("pool", [*ports[:3], self.closed]),
            ec.backends("model_b", ports[3:]),
            ec.original_destination("by_header", "header"),
            ec.original_destination("by_metadata", "metadata"),
            ec.processor("dead", self.closed),
            *(ec.processor(name, process.port, tls="tls" in name, health=health.get(name, ""))
              for name, process in self.processes.items())]

    def listeners(self):
        bbr = ec.ext_proc("bbr", "bbr", ec.ALL_DUPLEX)
        epp = ec.ext_proc("epp", "epp", ec.ALL_DUPLEX)
        retries = {"retry_policy": {"retry_on": "5xx,connect-failure,reset", "num_retries": 2}}
        to_pool = [ec.route("pool", **retries)]
        override = {"epp": {"@type": f"{ec.EXT}.filters.http.ext_proc.v3.ExtProcPerRoute",
                            "overrides": {"grpc_service": {"envoy_grpc": {
                                "cluster_name": "epp_b"}}}}}
        to_b = {**ec.route("model_b", headers=[ec.model_is("B")]),
                "typed_per_filter_config": override}

        weighted = {"match": {"prefix": "/"}, "route": {"timeout": "0s", "weighted_clusters": {
            "clusters": [{"name": "pool", "weight": 70},
                         {"name": "model_b", "weight": 30, "typed_per_filter_config": override}]}}}

        def only(cluster, **more):
            return ec.ext_proc("epp", cluster, ec.ALL_DUPLEX, **more)

        early = {"send_body_without_waiting_for_header_response": True}
        length = {"allow_content_length_header": True}
        found = [
            ec.listener("main", [bbr, epp], [to_b, *to_pool]),
            ec.listener("tls", [ec.ext_proc("bbr", "bbr_tls", ec.REQUEST_DUPLEX),
                                only("epp_tls")], to_pool),
            ec.listener("weighted", [bbr, epp], [weighted]),
            ec.listener("bbr", [bbr], [ec.route("model_b")]),
            ec.listener("no_retries", [bbr, epp], [ec.route("pool")]),
            ec.listener("subset", [ec.subset([f"127.0.0.1:{self.backends.ports[1]}"]), epp],
                        to_pool),
            ec.listener("no_subset", [ec.subset([]), epp], to_pool),
            ec.listener("by_header", [only("epp_one")], [ec.route("by_header")]),
            ec.listener("by_metadata", [only("epp_one")], [ec.route("by_metadata")]),
            ec.listener("list_by_header", [epp], [ec.route("by_header")]),
            ec.listener("refused", [only("epp_refused")], to_pool),
            ec.listener("dead", [only("dead")], to_pool),
            ec.listener("dead_open", [only("dead", failure_mode_allow=True)], to_pool),
            ec.listener("nobody", [epp], [ec.route("dead")]),
            ec.listener("small", [only("epp_small")], to_pool),
            ec.listener("bbr_small", [ec.ext_proc("bbr", "bbr_small", ec.ALL_DUPLEX)], to_pool),
            ec.listener("length", [ec.ext_proc("bbr", "bbr", ec.ALL_DUPLEX, **length),
                                   only("epp", **length)], to_pool),
            ec.listener("EARLY", [ec.ext_proc("bbr", "bbr", ec.simple_mode("STREAMED"), **early),
                                  ec.ext_proc("epp", "epp", ec.simple_mode("STREAMED"), **early)],
                        [to_b, *to_pool])]
        for mode in MODES:
            found.append(ec.listener(mode, [ec.ext_proc("bbr", "bbr", ec.simple_mode(mode)),
                                            ec.ext_proc("epp", "epp", ec.simple_mode(mode))],
                                     [to_b, *to_pool]))
        return found

    def stop(self):
        self.envoy.kill()
        codes = {name: process.stop() for name, process in self.processes.items()}
        self.backends.kill()
        self.holder.close()
        bad = {name: self.processes[name].log() for name, code in codes.items() if code != 0}
        if bad:
            raise AssertionError(bad)


class ExtProcTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_envoy()
        cls.world = World()
        cls.envoy = cls.world.envoy

    @classmethod
    def tearDownClass(cls):
        cls.world.stop()

    def call(self, listener, **more):
        return call(self.envoy.ports[listener], **more)

    def echoes(self, listener, body, **more):
        """The body arrives at a model server, and comes back, byte by byte."""
        reply = self.call(listener, body=body, **more)
        self.assertEqual(reply.status, 200, reply.body[:200])
        sent = body if isinstance(body, bytes) else b"".join(body)
        self.assertEqual(len(reply.body), len(sent), listener)
        self.assertEqual(hashlib.sha256(reply.body).digest(), hashlib.sha256(sent).digest())
        return reply

    def no_stream_left(self, name):
        process = self.world.processes[name]
        key = f"{'bbr' if name == 'bbr' else 'llm_d_epp'}_extproc_streams_inflight"
        wait_until(lambda: process.metrics()[key] == 0, f"no stream of {name} in flight")


class Bodies(ExtProcTest):
    def test_bodies_of_every_size_through_both_filters(self):
        """A body without streamed_response is a 500; an RPC that ends early empties the body;
        pieces over 64 KiB are refused by some (here: max_receive_message_length 65536)."""
        for size in (1, 16_384, 61_999, 62_000, 62_001, 65_536, 300_000, 5_000_000):
            body = completion("m", size)
            for listener in ("main", "tls"):
                with self.subTest(size=len(body), listener=listener):
                    reply = self.echoes(listener, body)
                    self.assertEqual(reply.seen("x-gateway-model-name"), ["m"])
        self.assertEqual(self.envoy.counter(r"spurious_msgs_received"), 0)

    def test_chunks_that_arrive_slowly(self):
        body = completion("m", 200_000)

        def parts():
            for at in range(0, len(body), 9_973):
                time.sleep(0.001)
                yield body[at : at + 9_973]

        reply = self.call("main", body=parts())
        self.assertEqual((reply.status, reply.body), (200, body))

    def test_one_byte_that_is_no_json_is_refused_and_passes_without_bbr(self):
        self.assertEqual(self.call("main", body=b"x").status, 400)
        self.echoes("subset", b"x")

    def test_responses_of_every_size(self):
        """RPC OK after the response headers would empty the body; both servers stream."""
        for size in (1, 62_000, 62_001, 1_300_000, 5_000_000):
            reply = self.call("main", body=completion("m"), path=f"/big/{size}")
            self.assertEqual((reply.status, reply.body), (200, pattern(size)))
            self.assertEqual(reply.headers["x-went-into-resp-headers"], "true")

    def test_http2_clients(self):
        with tempfile.TemporaryDirectory() as folder:
            for size in (1, 100_000, 2_000_000):
                sent, got = os.path.join(folder, "sent"), os.path.join(folder, "got")
                with open(sent, "wb") as file:
                    file.write(completion("m", size))
                told = subprocess.run(
                    ["curl", "-sS", "--http2-prior-knowledge", "--max-time", "30", "-o", got,
                     "-w", "%{http_code} %{http_version}", "--data-binary", "@" + sent,
                     f"http://127.0.0.1:{self.envoy.ports['main']}/echo"],
                    capture_output=True, text=True, check=True)
                self.assertEqual(told.stdout, "200 2")
                with open(sent, "rb") as a, open(got, "rb") as b:
                    self.assertEqual(a.read(), b.read())

    def test_requests_without_body(self):
        """Header-only requests are routed, and keep what their client said of the model."""
        reply = self.call("main", method="GET", headers={"x-gateway-model-name": "B"})
        self.assertEqual((reply.status, reply.headers["x-backend"]), (200, "3"))
        self.assertEqual(self.call("main", method="GET").status, 200)

    def test_content_length_where_the_proxy_keeps_it(self):
        """With allow_content_length_header a wrong length would hang the request."""
        body = completion("m", 150_000)
        reply = self.echoes("length", body)
        self.assertEqual(reply.seen("content-length"), [str(len(body))])

    def test_the_other_body_modes(self):
        """By protocol_config. Envoy buffers at most 1 MiB in BUFFERED."""
        for mode in (*MODES, "EARLY"):
            for size in (100, 60_000, 400_000):
                with self.subTest(mode=mode, size=size):
                    self.echoes(mode, completion("m", size))
            with self.subTest(mode=mode, response=True):
                reply = self.call(mode, body=completion("m"), path="/big/400000")
                self.assertEqual((reply.status, reply.body), (200, pattern(400_000)))
            sees_body = mode not in ("STREAMED", "NONE")
            reply = self.call(mode, body=completion("B"))
            self.assertEqual(reply.headers["x-backend"] == "3", sees_body, mode)
        self.assertEqual(self.envoy.counter(r"spurious_msgs_received"), 0)


class Streaming(ExtProcTest):
    def test_events_keep_their_pace(self):
        """Pieces of an event stream pass 1:1; none waits for the end."""
        body = completion("m", stream=True)
        connection = socket.create_connection(("127.0.0.1", self.envoy.ports["main"]), 20)
        began = time.monotonic()
        connection.sendall(b"POST /sse/300 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
                           b"content-length: %d\r\n\r\n%s" % (len(body), body))
        first, got = None, b""
        while data := connection.recv(65536):
            got += data
            if first is None and b"data: " in got:
                first = time.monotonic() - began
        whole = time.monotonic() - began
        self.assertIn(hashlib.sha256(body).hexdigest().encode(), got)
        self.assertEqual(got.count(b"data: "), 300)
        self.assertIn(b"data: 299\n\n", got)
        self.assertLess(first, whole / 2)

    def test_the_header_is_answered_before_the_body_has_ended(self):
        """Eager mode. The model server sees the request, and answers, while the client still
        sends."""
        with socket.create_connection(("127.0.0.1", self.envoy.ports["bbr"]), 20) as client:
            client.sendall(b"POST /stream HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
                           b"e\r\n" + b'{"model":"m", ' + b"\r\n")
            got = b""
            while b'{"model":"m", ' not in got:
                data = client.recv(65536)
                self.assertTrue(data, got)
                got += data
            self.assertIn(b"200", got.split(b"\r\n")[0])
            self.assertIn(b'["x-gateway-model-name", "m"]', got)
            client.sendall(b"8\r\n" + b'"p":"x"}' + b"\r\n0\r\n\r\n")
            while not got.endswith(b"0\r\n\r\n"):
                data = client.recv(65536)
                self.assertTrue(data, got)
                got += data
            self.assertIn(b'"p":"x"}', got)

    def test_trailers_end_bodies(self):
        """HTTP/1 trailers, with enable_trailers: they end a body. On a route without retries: with
        them, what the router keeps for a retry is sent once more when trailers go on (Envoy 1.40,
        any FULL_DUPLEX filter)."""
        body = completion("m", 100_000)
        with socket.create_connection(
                ("127.0.0.1", self.envoy.ports["no_retries"]), 20) as client:
            client.sendall(b"POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
                           b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n"
                           b"0\r\nx-check: yes\r\n\r\n" % (len(body), body))
            got = b""
            while data := client.recv(65536):
                got += data
        head, _, rest = got.partition(b"\r\n\r\n")
        self.assertIn(b"200", head.split(b"\r\n")[0])
        self.assertIn(b'x-trailers: [["x-check", "yes"]]', head)
        unchunked = b""
        while (size := int(rest.partition(b"\r\n")[0], 16)):
            rest = rest.partition(b"\r\n")[2]
            unchunked, rest = unchunked + rest[:size], rest[size + 2 :]
        self.assertEqual(unchunked, body)

    def test_trailers_of_responses(self):
        with socket.create_connection(("127.0.0.1", self.envoy.ports["main"]), 20) as client:
            body = completion("m")
            client.sendall(b"POST /trailers HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
                           b"te: trailers\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            got = b""
            while data := client.recv(65536):
                got += data
        self.assertIn(body, got)
        self.assertTrue(got.endswith(b"0\r\nx-check: yes\r\n\r\n"), got[-100:])


class Routing(ExtProcTest):
    def test_the_model_chooses_route_and_picker(self):
        """ExtProcPerRoute overrides chosen after BBR's clear_route_cache are honoured."""
        self.assertEqual(self.echoes("main", completion("B")).headers["x-backend"], "3")
        others = {self.echoes("main", completion("m")).headers["x-backend"] for _ in range(6)}
        self.assertEqual(others, {"0", "1", "2"})

    def test_weights_choose_the_picker_too(self):
        """A weighted cluster's own ExtProcPerRoute counts; clear_route_cache draws no new lot."""
        served = []
        for _ in range(200):
            reply = self.echoes("weighted", completion("m"))
            served.append(reply.headers["x-backend"] == "3")
            chosen, = reply.seen("x-gateway-destination-endpoint")
            port = self.world.backends.ports[3]
            self.assertEqual(chosen.split(",")[0] == f"127.0.0.1:{port}", served[-1])
        share = sum(served) / len(served)
        self.assertTrue(0.15 < share < 0.45, f"{share} of 0.3: beyond 4.5 deviations")

    def test_a_clients_model_header_is_overwritten(self):
        """set_headers replaces every value of a header. Who is billed for B must not get m."""
        reply = self.echoes("main", completion("m"), headers=[
            ("x-gateway-model-name", "B"), ("X-Gateway-Model-Name", "B")])
        self.assertEqual(reply.seen("x-gateway-model-name"), ["m"])
        self.assertNotEqual(reply.headers["x-backend"], "3")

    def test_a_smuggled_destination_is_overwritten(self):
        """The header chooses the host of an ORIGINAL_DST cluster."""
        victim = f"127.0.0.1:{self.world.backends.ports[3]}"
        for listener in ("by_header", "by_metadata", "main"):
            reply = self.call(listener, body=completion("m"), headers={
                "x-gateway-destination-endpoint": victim, "x-prefiller-host-port": victim,
                "x-gateway-destination-endpoint-subset": victim})
            self.assertEqual(reply.status, 200)
            self.assertNotEqual(reply.headers["x-backend"], "3")
            self.assertNotIn(victim, reply.headers["x-seen"])
            self.assertEqual(reply.seen("x-prefiller-host-port"), [])

    def test_original_destination_takes_one_address_only(self):
        """ORIGINAL_DST by header with a list is 503; by metadata works."""
        self.assertEqual(self.call("by_metadata", body=completion("m")).status, 200)
        self.assertEqual(self.call("by_header", method="GET").status, 200)
        self.assertEqual(self.call("list_by_header", body=completion("m")).status, 503)

    def test_the_subset_is_kept(self):
        """From metadata, address and port; empty is not the whole pool."""
        served = {self.echoes("subset", completion("m")).headers["x-backend"] for _ in range(4)}
        self.assertEqual(served, {"1"})
        reply = self.call("no_subset", body=completion("m"))
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.headers["x-llm-d-request-dropped-reason"], "rejected-no-endpoints")
        self.assertEqual(reply.body, b"inference error: ServiceUnavailable - failed to find "
                                     b"endpoint candidates for serving the request")

    def test_retries_follow_the_list(self):
        """override_host goes on to the next entry: 503, reset, connection refused."""
        for mood in ("503", "reset"):
            body = completion("m", 50_000)
            reply = self.echoes("main", body, headers={"x-fail": f"0={mood},1={mood}"})
            self.assertEqual(reply.headers["x-backend"], "2")
        for _ in range(2):  # Once with the dead one first.
            self.assertEqual(self.echoes("refused", completion("m")).headers["x-backend"], "0")


class Refusals(ExtProcTest):
    def test_bad_bodies_are_400_and_not_500(self):
        """An invalid header in a change is a 500 for the whole request."""
        for body in (b"no json", b'{"model":', b'{"model":"a\\r\\nx-evil: 1"}',
                     b'{"model":"a","model":"b"}'):
            reply = self.call("main", body=body)
            self.assertEqual(reply.status, 400, body)
            self.assertTrue(reply.body.startswith(b"inference error: BadRequest - "), reply.body)

    def test_large_bodies_are_413(self):
        """The largest body is ours to say: Envoy streams without a limit in this mode."""
        for listener in ("small", "bbr_small"):
            self.echoes(listener, completion("m", 9_000))
            for size in (11_000, 3_000_000):
                try:
                    status = self.call(listener, body=completion("m", size)).status
                except (BrokenPipeError, ConnectionResetError):
                    continue  # Answered and closed while we still sent.
                self.assertEqual(status, 413)

    def test_a_body_that_stops_is_408(self):
        """Envoy would wait for ever; the deadline is ours."""
        for listener in ("small", "bbr_small"):
            with socket.create_connection(("127.0.0.1", self.envoy.ports[listener]), 20) as client:
                client.sendall(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{")
                self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 408"))

    def test_local_replies_pass(self):
        """Envoy's own 503 still goes through the response phase."""
        self.assertEqual(self.call("nobody", body=completion("m")).status, 503)
        self.no_stream_left("epp")

    def test_a_dead_picker_is_an_answer(self):
        """failure_mode_allow is for requests without body."""
        self.assertIn(self.call("dead", body=completion("m")).status, (500, 503, 504))
        self.assertIn(self.call("dead", method="GET").status, (500, 503, 504))
        self.assertEqual(self.call("dead_open", method="GET").status, 200)
        # A body races with the news that the picker is dead: through whole, or an error.
        reply = self.call("dead_open", body=completion("m", 10_000))
        self.assertIn(reply.status, (200, 500, 503, 504))
        if reply.status == 200:
            self.assertEqual(reply.body, completion("m", 10_000))


class Lifetimes(ExtProcTest):
    def test_clients_that_leave_leave_nothing_behind(self):
        """A disconnect is a half-close and a reset."""
        port = self.envoy.ports["main"]
        body = completion("m", 100_000)
        head = b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"
        for path, sent in ((b"/echo", body[:50_000]), (b"/echo", b""), (b"/sse/5000", body),
                           (b"/slow/3000", body), (b"/big/5000000", body)):
            with socket.create_connection(("127.0.0.1", port), 20) as client:
                client.sendall(head % (path, len(body)) + sent)
                if path in (b"/sse/5000", b"/big/5000000"):
                    client.recv(1000)
                else:
                    time.sleep(0.05)
        self.no_stream_left("epp")
        self.no_stream_left("bbr")

    def test_a_picker_that_restarts(self):
        """Requests meanwhile are answered, later ones served; nothing hangs."""
        body = completion("m", 30_000)
        with ThreadPoolExecutor(4) as workers:
            found = workers.map(
                lambda _: self.call("main", body=body, path="/slow/20").status, range(80))
            time.sleep(0.2)
            self.world.processes["epp"].restart("kill")
            self.assertLessEqual(set(found), {200, 500, 502, 503, 504})
        wait_until(lambda: self.call("main", body=body).status == 200, "served again")

    def test_draining_lets_requests_end(self):
        """SIGTERM: a request that was routed gets its whole answer."""
        with ThreadPoolExecutor(1) as workers:
            running = workers.submit(
                lambda: self.call("by_metadata", body=completion("m", 9_000), path="/slow/700"))
            time.sleep(0.3)
            process = self.world.processes["epp_one"]
            self.assertEqual(process.stop(), 0, process.log())
            self.assertEqual(running.result().status, 200)
            self.assertEqual(running.result().body, completion("m", 9_000))
        process.start()

    def test_health_over_tls(self):
        """Envoy's own gRPC health checks of both servers pass over TLS."""
        for cluster in ("bbr_tls", "epp_tls"):
            wait_until(
                lambda: f"cluster.{cluster}.membership_healthy: 1" in self.envoy.get("/stats")[1],
                f"{cluster} healthy")
            self.assertGreater(self.envoy.counter(rf"cluster\.{cluster}\.health_check\.success"), 0)

    def test_metrics_have_the_references_names(self):
        self.echoes("main", completion("m"))
        self.call("main", body=b"{}")
        self.call("main", body=b'{"model":""}')
        found = self.world.processes["bbr"].metrics()
        self.assertGreater(found["bbr_success_total"], 0)
        self.assertGreater(found['bbr_body_field_not_found_total{field="model"}'], 0)
        self.assertGreater(found['bbr_body_field_empty_total{field="model"}'], 0)
        self.assertGreater(found["bbr_plugin_duration_seconds_count"], 0)
        self.assertTrue(any(name.startswith("bbr_info{") for name in found))


if __name__ == "__main__":
    unittest.main()
