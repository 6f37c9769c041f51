"""The service over real HTTP: limits, bad input, concurrency."""

import concurrent.futures
import re
import socket
import threading
import time

from support import ServiceTest

# What dashboards made for KAITO's service ask for: names of its series, and their labels.
STATUSES = [{"status": "success"}, {"status": "failure"}]
OPERATIONS = ("index", "indexes", "indexes_document", "indexes_update_document", "indexes_retrieve",
              "indexes_delete_document", "persist", "load", "delete_index", "chat")
HISTOGRAMS = """rag_retrieve_result_count rag_lowest_source_score rag_avg_source_score
    rag_hybrid_retrieve_latency_seconds rag_hybrid_top_score rag_hybrid_median_score
    rag_hybrid_score_spread rag_hybrid_top_k_requested rag_hybrid_sparse_top_k
    rag_hybrid_dense_candidates rag_hybrid_sparse_candidates rag_hybrid_overlap_count
    rag_hybrid_dense_only_count rag_hybrid_sparse_only_count""".split()
SERIES = [
    *((f"rag_{name}_requests_total", labels) for name in OPERATIONS for labels in STATUSES),
    *((f"rag_{name}_latency_seconds_count", labels) for name in OPERATIONS for labels in STATUSES),
    *(("e2e_request_total", labels) for labels in STATUSES),
    *(("e2e_request_latency_seconds_count", labels) for labels in STATUSES),
    *((f"{name}_count", {}) for name in HISTOGRAMS),
    ("num_requests_running", {}),
    ("rag_embedding_requests_total", {"status": "success", "mode": "local"}),
    ("rag_embedding_latency_seconds_count", {"status": "success", "mode": "local"}),
    *(("rag_vector_store_operation_latency_seconds_count", {"operation": o, "status": s})
      for o in ("insert", "query", "delete") for s in ("success", "error")),
    ("rag_hybrid_search_mode_total", {"search_mode": "hybrid"}),
    ("rag_hybrid_retrieve_latency_avg_seconds", {}),
    *(("output_guardrails_policy_load_total", {"policy_status": s})
      for s in ("success", "missing", "invalid", "load_failed")),
    ("output_guardrails_actions_total", {"action": "redact"}),
    *(("guardrails_policy_reload_total", {"result": r}) for r in ("success", "failure", "noop")),
    *(("ragengine_guardrails_response_actions_total", {"final_action": a})
      for a in ("allow", "redact", "block", "fail_closed")),
    ("output_guardrails_scanner_build_total", {"type": "regex", "status": "success"}),
    ("ragengine_guardrails_response_scanner_hits_total",
     {"scanner_type": "regex", "action": "redact"}),
    ("guardrails_policy_loaded_timestamp_seconds", {}),
    ("guardrails_active_policy_info", {"enabled": "false", "sha256": "none", "scanner_count": "0"}),
]


class Api(ServiceTest):
    embedder = "hashing"

    def test_bad_input_gets_an_answer_and_loses_nothing(self):
        self.service.index("kept", [{"text": "kept"}])
        cases = [
            (b"", 422),
            (b"{", 422),
            (b"null", 422),
            (b"[1]", 422),
            (b"\xff\xfe", 422),
            (b'{"index_name":"kept","query":"\xff"}', 422),
            (b'{"index_name":"kept","query":NaN}', 422),
            (b'{"index_name":"kept","query":""}', 400),
            (b'{"index_name":"none","query":"x"}', 404),
            (b'{"index_name":"kept","query":"x","max_node_count":0}', 422),
            (b'{"index_name":"kept","query":["x"]}', 422),
            (b"[" * 100000, 422),
        ]
        for body, expected in cases:
            status, reply = self.service.call("POST", "/retrieve", body)
            self.assertEqual(status, expected, body[:60])
            self.assertIn("detail", reply)
        self.assertEqual(self.service.texts("kept"), {"kept"})

    def test_dashboards_of_the_original_find_every_series(self):
        found = {}
        for line in self.service.call("GET", "/metrics")[1].splitlines():
            if match := re.match(r"([a-z0-9_]+)(?:\{(.*)\})? [0-9.e+-]+$", line):
                labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                found.setdefault(match[1], []).append(labels)
        missing = [(name, labels) for name, labels in SERIES
                   if not any(labels.items() <= other.items() for other in found.get(name, []))]
        self.assertEqual(missing, [])

    def test_a_huge_body_is_refused_before_it_arrives(self):
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=10) as connection:
            connection.sendall(
                b"POST /index HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 104857600\r\n\r\n{"
            )
            self.assertIn(b" 413 ", connection.recv(65536).split(b"\r\n")[0])

    def test_garbage_on_the_socket_does_not_stop_the_service(self):
        for garbage in (
            b"\x00" * 1000,
            b"GET\r\n\r\n",
            b"POST / HTTP/9.9\r\n\r\n",
            b"GET / HTTP/1.1\r\nA" + b"a" * 200000,
        ):
            with socket.create_connection(
                ("127.0.0.1", self.service.port), timeout=10
            ) as connection:
                try:
                    connection.sendall(garbage)
                    connection.recv(4096)
                except (ConnectionError, TimeoutError):
                    pass
        self.assertEqual(self.service.call("GET", "/health")[0], 200)

    def test_five_parallel_first_writes_all_survive(self):
        for attempt in range(10):
            name = f"parallel-{attempt}"
            with concurrent.futures.ThreadPoolExecutor(5) as pool:
                replies = list(
                    pool.map(
                        lambda i: self.service.index(name, [{"text": f"document {i}"}]), range(5)
                    )
                )
            self.assertEqual([status for status, _ in replies], [200] * 5)
            self.assertEqual(self.service.texts(name), {f"document {i}" for i in range(5)})

    def test_readers_never_see_half_a_write(self):
        def write(i):
            return self.service.index(
                "mixed", [{"text": f"pair {i} left"}, {"text": f"pair {i} right"}]
            )[0]

        def read(_):
            texts = self.service.call("GET", "/indexes/mixed/documents?limit=100")[1]
            return len(texts.get("documents", [])) % 2

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            writes = [pool.submit(write, i) for i in range(20)]
            reads = [pool.submit(read, i) for i in range(60)]
            self.assertEqual({w.result() for w in writes}, {200})
            self.assertEqual({r.result() for r in reads}, {0})

    def test_a_copy_made_under_load_is_consistent(self):
        """What was acknowledged before a copy began is in it, and no write is in it by half."""
        acknowledged = []
        stop = threading.Event()

        def write(worker):
            for i in range(10000):
                if stop.is_set():
                    return
                pair = [{"text": f"worker {worker} write {i} {side}"} for side in ("a", "b")]
                if self.service.index("busy", pair)[0] == 200:
                    acknowledged.append({document["text"] for document in pair})

        writers = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
        for writer in writers:
            writer.start()
        try:
            while len(acknowledged) < 20:
                time.sleep(0.01)
            for copy in range(4):
                before = list(acknowledged)
                status, reply = self.service.call("POST", f"/persist/busy?path=copies/{copy}")
                self.assertEqual(status, 200, reply)
                status, reply = self.service.call("POST", f"/load/copy-{copy}?path=copies/{copy}")
                self.assertEqual(status, 200, reply)
                texts = self.service.texts(f"copy-{copy}")
                for pair in before:
                    self.assertLessEqual(pair, texts)
                halves = {text[:-2] for text in texts}
                self.assertEqual(len(texts), 2 * len(halves))
        finally:
            stop.set()
            for writer in writers:
                writer.join()

    def test_nothing_outside_the_data_directory_is_reached(self):
        self.service.index("kept", [{"text": "kept"}])
        for path in ("/tmp", "../../etc", "%2Fetc%2Fpasswd", "/proc/self/root/tmp"):
            for route in ("persist/kept", "load/other"):
                status, reply = self.service.call("POST", f"/{route}?path={path}")
                self.assertEqual(status, 400, (path, reply))
                self.assertIn("data directory", reply["detail"])
