"""The service over real HTTP: limits, bad input, concurrency."""

import concurrent.futures
import socket
import threading
import time

from support import ServiceTest


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
