"""One trace from the page to the model, over four processes, as a collector gets it: OTLP over
HTTP, JSON."""

import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from unittest import mock

from support import BINARY, Service, free_ports, gateway_objects
from test_assistant import Assistant, Model, Server

TRACE = "0af7651916cd43dd8448eb211c80319c"
PAGE = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PAGE}-01"
QUESTION = "Where does the okapi talk about its quokka?"
DOCUMENT = {"text": "The okapi talks about its quokka in Ballroom F on Friday.",
            "metadata": {"title": "An okapi and its quokka"}}


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes POST /v1/traces and refuses what is not as the protocol has it."""

    spans = []  # (service, span); appended to by any thread.
    refused = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            assert self.path == "/v1/traces", self.path
            assert self.headers["Content-Type"] == "application/json"
            assert self.headers["x-tenant"] == "one"
            for group in json.loads(body)["resourceSpans"]:
                about = attributes_of(group["resource"])
                for scope in group["scopeSpans"]:
                    for span in scope["spans"]:
                        check(span)
                        Collector.spans.append((about["service.name"], span))
        except (AssertionError, KeyError, ValueError, TypeError) as error:
            Collector.refused.append(repr(error))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def attributes_of(holder):
    return {a["key"]: next(iter(a["value"].values())) for a in holder["attributes"]}


def check(span):
    assert len(span["traceId"]) == 32 and int(span["traceId"], 16) > 0
    assert len(span["spanId"]) == 16 and int(span["spanId"], 16) > 0
    assert span["kind"] in (1, 2, 3)
    assert 0 < int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])


class Process:
    """One `rage` subcommand that says on which port it is ready."""

    def __init__(self, *arguments):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([BINARY, *arguments], stdout=subprocess.PIPE, text=True,
                                        stderr=self.errors)
        line = self.process.stdout.readline()
        if "ready" not in line:
            self.process.kill()
            self.errors.seek(0)
            raise RuntimeError(f"{arguments[0]} did not start: {line}{self.errors.read()}")
        self.port = int(line.replace(":", " ").split()[-1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        self.errors.close()
        return self.process.returncode


class Tracing(unittest.TestCase):
    def setUp(self):
        Collector.spans, Collector.refused = [], []
        self.collector = Server(("127.0.0.1", 0), Collector)
        threading.Thread(target=self.collector.serve_forever, daemon=True).start()
        self.addCleanup(self.collector.server_close)
        self.addCleanup(self.collector.shutdown)
        self.data = tempfile.mkdtemp(prefix="rage-tracing-")
        self.addCleanup(shutil.rmtree, self.data, ignore_errors=True)
        url = f"http://127.0.0.1:{self.collector.server_port}"
        self.environment(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_HEADERS="x-tenant=one")

    def environment(self, **variables):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
        patched = mock.patch.dict(os.environ, {**clean, **variables}, clear=True)
        patched.start()
        self.addCleanup(patched.stop)

    def model(self):
        Model.script, Model.asked = [200], []
        server = Server(("127.0.0.1", 0), Model)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}/v1"

    def assistant(self, base_url, *flags):
        return Assistant("--data", self.data, "--base-url", base_url, "--model", "phi", *flags)

    def gateway(self, model):
        folder = tempfile.mkdtemp(prefix="rage-tracing-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with open(f"{folder}/gateway.yaml", "w", encoding="utf-8") as file:
            file.write(gateway_objects(free_ports(), [f"127.0.0.1:{model}"]))
        return Process("gateway", "--config", folder, "--admin", "0", "--workers", "1")

    def test_one_trace_from_the_page_to_the_model(self):
        sim = Process("sim-model", "--port", "0", "--model", "phi", "--time-scale", "50")
        gateway = self.gateway(sim.port)
        rag = Service(f"{self.data}/rag", "--answers", "model", "--llm-url",
                      f"http://127.0.0.1:{gateway.port}/v1", embedder="hashing")
        self.assertEqual(rag.index("talks", [DOCUMENT])[0], 200)
        agent = self.assistant(f"{rag.url}/v1", "--index", "talks")
        status, reply = agent.call("POST", "/api/chat/stream",
                                   {"message": QUESTION, "sessionId": "s-1"},
                                   {"traceparent": TRACEPARENT})
        self.assertEqual(status, 200)
        self.assertIn("event: done", reply)
        # What is recorded is sent before they end.
        self.assertEqual([p.stop() for p in (agent, rag, gateway, sim)], [0, 0, 0, 0])
        self.assertEqual(Collector.refused, [])

        mine = [(service, span) for service, span in Collector.spans if span["traceId"] == TRACE]
        named = {span["spanId"]: (service, span["name"]) for service, span in mine}
        named[PAGE] = ("page", "")
        self.assertLessEqual({span["parentSpanId"] for _, span in mine}, set(named))  # One tree.
        edges = {(named[span["parentSpanId"]], (service, span["name"])) for service, span in mine}
        server = ("rage-assistant", "POST /api/chat/stream")
        agent_span = ("rage-assistant", "invoke_agent AI Agent")
        question = ("rage-assistant", "chat phi")
        answer = ("rage-rag", "POST /v1/chat/completions")
        retrieval = ("rage-rag", "retrieval")
        generation = ("rage-rag", "chat phi")
        routed = ("rage-gateway", "POST")
        model = ("rage-sim-model", "POST /v1/chat/completions")
        for edge in [(named[PAGE], server), (server, agent_span), (agent_span, question),
                     (question, answer), (answer, retrieval),
                     (retrieval, ("rage-rag", "embeddings")), (answer, generation),
                     (answer, ("rage-rag", "verify")), (generation, routed),
                     (routed, ("rage-gateway", "pick endpoint")), (routed, routed),
                     (routed, model)]:
            self.assertIn(edge, edges)

        facts = {key: attributes_of(span) for _, span in mine for key in [named[span["spanId"]]]}
        self.assertEqual(facts[agent_span]["gen_ai.conversation.id"], "s-1")
        self.assertEqual(facts[generation]["gen_ai.request.model"], "phi")
        self.assertGreater(int(facts[generation]["gen_ai.usage.input_tokens"]), 0)
        self.assertEqual(facts[retrieval]["gen_ai.data_source.id"], "talks")
        self.assertEqual(int(facts[retrieval]["rage.retrieval.hits"]), 1)
        self.assertEqual(facts[server]["http.response.status_code"], "200")
        # Not a word of what was asked, found or said; no probe, no metric.
        told = json.dumps(Collector.spans).lower()
        for word in ("okapi", "quokka", "ballroom"):
            self.assertNotIn(word, told)
        self.assertNotIn("/health", told)

    def test_what_was_said_is_captured_only_if_asked_for(self):
        self.environment(**{k: v for k, v in os.environ.items() if k.startswith("OTEL_")},
                         OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true")
        agent = self.assistant(self.model())
        self.assertEqual(agent.chat(QUESTION, "s-2")[0], 200)
        self.assertEqual(agent.stop(), 0)
        chat = next(span for _, span in Collector.spans if span["name"] == "chat phi")
        said = attributes_of(chat)
        self.assertIn("okapi", said["gen_ai.input.messages"])
        self.assertIn("okapi", said["gen_ai.output.messages"])
        self.assertEqual((said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]),
                         ("11", "5"))
        self.assertNotIn("parentSpanId", next(span for _, span in Collector.spans
                                              if span["name"] == "POST /chat"))

    def test_a_service_without_tracing_passes_traces_on(self):
        self.environment()
        agent = self.assistant(self.model())
        given = {"traceparent": TRACEPARENT, "tracestate": "a=1"}
        self.assertEqual(agent.call("POST", "/chat", {"message": "Hi"}, given)[0], 200)
        self.assertEqual(agent.call("POST", "/chat", {"message": "Hi"})[0], 200)
        self.assertEqual(agent.stop(), 0)
        first, second = ({k.lower(): v for k, v in headers.items()}
                         for path, headers, _ in Model.asked
                         if path.endswith("/chat/completions"))
        self.assertEqual((first["traceparent"], first["tracestate"]), (TRACEPARENT, "a=1"))
        self.assertNotIn("traceparent", second)
        self.assertEqual(Collector.spans, [])

    def test_a_collector_that_is_dead_or_hangs_costs_no_request_anything(self):
        with socket.socket() as hanging:
            hanging.bind(("127.0.0.1", 0))
            hanging.listen(16)  # Takes connections, and never answers.
            for port in (free_ports(), hanging.getsockname()[1]):
                self.environment(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
                                 OTEL_BSP_SCHEDULE_DELAY="1", OTEL_BSP_MAX_QUEUE_SIZE="4")
                agent = self.assistant(self.model())
                slowest = 0
                for i in range(10):
                    began = time.monotonic()
                    self.assertEqual(agent.chat("Hi", f"s-{port}-{i}")[0], 200)
                    slowest = max(slowest, time.monotonic() - began)
                self.assertLess(slowest, 5)  # The collector's time-out is 10 s.
                metrics = agent.call("GET", "/metrics")[1]
                dropped = sum(float(line.split()[-1]) for line in metrics.splitlines()
                              if line.startswith("rage_trace_spans_dropped_total{"))
                self.assertGreater(dropped, 0)
                began = time.monotonic()
                self.assertEqual(agent.stop(), 0)
                self.assertLess(time.monotonic() - began, 10)  # It flushes for 2 s at most.


if __name__ == "__main__":
    unittest.main()
