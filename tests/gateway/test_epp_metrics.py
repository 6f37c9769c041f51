"""The metrics port of `rage epp`: who may read it, and what plugins know."""

import http.server
import json
import re
import tempfile
import threading
import unittest
from pathlib import Path

import support

USERS = {"good": "prometheus", "curious": "somebody"}


class ApiServer(http.server.BaseHTTPRequestHandler):
    """Knows USERS, of whom prometheus may read metrics, and nothing else."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(404, {"kind": "Status", "code": 404, "reason": "NotFound", "message": "none"})

    def do_POST(self):
        spec = json.loads(self.rfile.read(int(self.headers["content-length"])))["spec"]
        self.server.reviews.append((self.path.rsplit("/", 1)[1], spec))
        if self.server.away:
            return self.answer(500, {"kind": "Status", "code": 500, "message": "away"})
        if self.path.endswith("/tokenreviews"):
            user = USERS.get(spec["token"])
            status = {"authenticated": user is not None, "user": {"username": user}}
        else:
            status = {"allowed": spec["user"] == "prometheus"}
        self.answer(201, {"status": status})


class EppMetrics(unittest.TestCase):
    def setUp(self):
        self.api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
        self.api.reviews, self.api.away = [], False
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        self.addCleanup(self.api.server_close)
        self.addCleanup(self.api.shutdown)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        kubeconfig = Path(self.folder.name) / "kubeconfig"
        kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {
                "server": f"http://127.0.0.1:{self.api.server_port}"}}],
            "users": [{"name": "c", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]}))
        self.kubeconfig = str(kubeconfig)

    def epp(self, *flags):
        epp = support.ExtProc("epp", *flags)
        self.addCleanup(lambda: self.assertEqual(epp.stop(), 0, epp.log()))
        return epp

    def in_cluster(self, *flags):
        return self.epp("--pool-name", "pool", "--kubeconfig", self.kubeconfig, *flags)

    def read(self, epp, path="/metrics", token=None):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return support.call(epp.metrics_port, "GET", path, headers=headers)

    def test_in_a_cluster_readers_need_a_token_that_is_allowed(self):
        epp = self.in_cluster()
        for path in ("/metrics", "/debug/plugins/state", "/nothing"):
            self.assertEqual(self.read(epp, path).status, 401, path)
            self.assertEqual(self.read(epp, path, "made-up").status, 401, path)
            self.assertEqual(self.read(epp, path, "curious").status, 403, path)
        self.assertIn(b"llm_d_epp", self.read(epp, token="good").body)
        self.assertIn("decisions", json.loads(self.read(epp, "/debug/plugins/state", "good").body))
        self.assertEqual(self.read(epp, "/nothing", "good").status, 404)
        self.assertEqual(self.read(epp, "/healthz").status, 200, "kubelets have no token")

    def test_the_api_server_is_asked_once_in_a_while(self):
        epp = self.in_cluster()
        for _ in range(20):
            self.assertEqual(self.read(epp, token="good").status, 200)
        self.assertEqual([kind for kind, _ in self.api.reviews],
                         ["tokenreviews", "subjectaccessreviews"])
        self.assertEqual(self.api.reviews[1][1]["nonResourceAttributes"],
                         {"path": "/metrics", "verb": "get"})

    def test_without_an_answer_nobody_gets_in(self):
        epp = self.in_cluster()
        self.api.away = True
        self.assertEqual(self.read(epp, token="good").status, 500)
        self.api.away = False
        self.assertEqual(self.read(epp, token="good").status, 200)

    def test_it_can_be_left_out(self):
        epp = self.in_cluster("--metrics-endpoint-auth=false")
        self.assertEqual(self.read(epp).status, 200)
        self.assertEqual(self.api.reviews, [])

    def test_without_a_cluster_everybody_reads(self):
        epp = self.epp("--endpoints", "127.0.0.1:1")
        self.assertEqual(self.read(epp).status, 200)
        self.assertEqual(self.read(epp, "/debug/plugins/state").status, 200)
        refused = support.Process("epp", [support.BINARY, "epp", "--endpoints", "127.0.0.1:1",
                                          "--metrics-endpoint-auth"])
        refused.child.communicate(timeout=30)
        self.assertEqual(refused.child.returncode, 1)
        self.assertRegex(refused.log(), re.compile("needs a cluster's API server"))


if __name__ == "__main__":
    unittest.main()
