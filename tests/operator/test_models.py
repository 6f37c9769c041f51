"""Models that are in no catalogue: the operator asks the hub (here one on loopback), serves what it
describes from the commit it was told, and says what to do where the hub refuses."""

import base64
import json
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import (
    ClusterTest, create_nodes, fake_node, is_ready, need_crds, need_operator, wait_until,
)

POOL = {"pool": "models"}
COMMIT = "c" * 40
TOKEN = "hf_right"
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 16, "num_attention_heads": 32,
    "num_key_value_heads": 8, "hidden_size": 2048, "max_position_embeddings": 8192,
}


class Hub:
    """acme/Tiny for everybody, acme/Gated for one token; `asked` are the paths, in order."""

    def __init__(self):
        self.asked = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                hub.asked.append(self.path)
                status, body = hub.answer(self.path, self.headers.get("Authorization", ""))
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    @staticmethod
    def answer(path, authorization):
        name = next((each for each in ("acme/Tiny", "acme/Gated")
                     if f"/{each.lower()}/" in path.lower()), None)
        if name is None:
            return 404, {}
        if name == "acme/Gated" and authorization != f"Bearer {TOKEN}":
            return 401, {}
        if path.startswith("/api/models/"):
            files = {"config.json": 500, "model.safetensors": 2_500_000_000,
                     "original/model.safetensors": 2_500_000_000}
            return 200, {"id": name, "sha": COMMIT, "siblings": [
                {"rfilename": file, **({"size": size} if path.endswith("blobs=true") else {})}
                for file, size in files.items()
            ]}
        if path.endswith(f"/resolve/{COMMIT}/config.json"):
            return 200, CONFIG
        return 404, {}

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def a_workspace(name, model, secret=None):
    preset = {"name": model}
    if secret:
        preset["presetOptions"] = {"modelAccessSecret": secret}
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name},
        "resource": {"labelSelector": {"matchLabels": POOL}},
        "inference": {"preset": preset},
    }


class Models(ClusterTest):
    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        super().setUpClass()
        create_nodes(
            cls.api, [fake_node(f"gpu-{i}", "Standard_NC24ads_A100_v4", POOL) for i in range(4)]
        )
        cls.hub = Hub()
        cls.addClassCleanup(cls.hub.stop)
        cls.run_operator(flags=("--hugging-face-endpoint", cls.hub.endpoint))

    def allow(self, secret):
        """What the chart makes of modelAccessSecrets."""
        group = "rbac.authorization.k8s.io"
        meta = {"name": f"rage-operator-{secret}"}
        self.api.create({
            "apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta,
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret],
                       "verbs": ["get"]}],
        }, "default")
        self.api.create({
            "apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": meta,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": meta["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": "rage-operator",
                          "namespace": "kaito-workspace"}],
        }, "default")

    def found(self, name):
        return self.api.get("Workspace", name, "default")

    def message(self, name):
        conditions = self.found(name).get("status", {}).get("conditions", [])
        return next((each["message"] for each in conditions if each["type"] == "InferenceReady"),
                    "")

    def wait_for_message(self, name, text):
        wait_until(lambda: text in self.message(name), lambda: self.found(name))

    def command(self, name):
        pod = self.api.get("StatefulSet", name, "default")["spec"]["template"]["spec"]
        return pod["containers"][0]["command"][-1]

    def test_a_model_of_the_hub_is_served_from_one_commit(self):
        self.api.apply(a_workspace("tiny", "acme/tiny"), "default")
        wait_until(lambda: is_ready(self.found("tiny")), lambda: self.found("tiny"))
        command = self.command("tiny")
        self.assertIn("--model=acme/Tiny ", command)
        self.assertIn(f"--revision={COMMIT} --code-revision={COMMIT}", command)
        self.assertEqual(
            self.found("tiny")["metadata"]["annotations"]["rage.dev/model-revision"], COMMIT
        )
        self.assertEqual(self.found("tiny")["status"]["targetNodeCount"], 1)
        # Asked once, however often the Workspace is looked at.
        asked = [path for path in self.hub.asked if "tiny" in path]
        self.assertEqual(len(asked), 2, asked)

    def test_a_gated_model_says_what_to_do_and_serves_with_a_token(self):
        self.api.apply(a_workspace("open", "acme/gated"), "default")
        self.wait_for_message("open", "set presetOptions.modelAccessSecret")
        self.api.apply(a_workspace("barred", "acme/gated", "other"), "default")
        self.wait_for_message("barred", "the operator may not read Secret default/other")
        self.allow("hf")
        self.api.apply(a_workspace("closed", "acme/gated", "hf"), "default")
        self.wait_for_message("closed", "modelAccessSecret default/hf does not exist")
        self.api.create({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hf"},
            "data": {"HF_TOKEN": base64.b64encode(TOKEN.encode()).decode()},
        }, "default")
        # With the first of its repeated tries.
        wait_until(lambda: is_ready(self.found("closed")), lambda: self.found("closed"), 90)
        # What the token was told is nobody else's business.
        self.assertIn("set presetOptions.modelAccessSecret", self.message("open"))
        self.assertIsNone(self.api.get("StatefulSet", "open", "default"))

    def test_a_name_the_hub_does_not_know(self):
        self.api.apply(a_workspace("odd", "acme/nothing"), "default")
        self.wait_for_message("odd", "was not found at")
        asked = len(self.hub.asked)
        time.sleep(3)
        self.assertLess(len(self.hub.asked) - asked, 5, "it is asked again and again")


if __name__ == "__main__":
    unittest.main()
