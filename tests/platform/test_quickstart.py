"""`rage up` by itself: one command ends with a grounded answer, what was there before is there
afterwards, and what runs can be taken elsewhere."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

from test_up import BINARY, EXAMPLE, ROOT, Platform, free_ports

from support import wait_until  # noqa: E402, of tests/operator; test_up has made it known.

SCHEDULE = EXAMPLE / "schedule_index.json"
GGUF = "models/packaged/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
SERVICES = ("model", "rag", "assistant", "gateway")


def get(url, body=None):
    request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None,
                                     {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        text = reply.read().decode()
        return json.loads(text) if text.startswith(("{", "[")) else text


def cache():
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rage"
    return Path(os.environ.get("RAGE_CACHE_DIR", default))


class Quickstart(Platform):
    def status(self):
        told = self.rage("status", "--data", self.data, "--json", check=False)
        return {each["name"]: each for each in json.loads(told)["services"]}

    def local(self, offset):
        return f"http://127.0.0.1:{self.port + offset}"

    def indexes(self):
        return get(self.local(0) + "/indexes")

    def test_1_one_command_ends_with_a_grounded_answer(self):
        said = self.up("--example", SCHEDULE)
        self.assertIn("92 documents are in the index 'schedule'", said)
        self.assertIn("Burke Libbey", said)
        for service in ("platform", "model", "rag", "assistant", "gateway"):
            self.assertRegex(said, rf"(?m)^  {service} +ready after", said)
        status = self.status()
        self.assertEqual(set(status), {"platform", *SERVICES})
        self.assertTrue(all(each["ready"] for each in status.values()), status)
        for offset, service in enumerate(("rag", "model", "assistant", "gateway")):
            self.assertEqual(status[service]["url"], self.local(offset))

    def test_2_the_gateway_leads_everywhere_and_the_assistant_has_the_sources(self):
        gateway = self.local(3)
        self.assertEqual(get(gateway + "/v1/models")["data"][0]["id"], "smollm2-135m-instruct")
        self.assertEqual(get(gateway + "/rag/v1/models")["data"][0]["id"], "smollm2-135m-instruct")
        with urllib.request.urlopen(self.local(2) + "/", timeout=60) as page:
            self.assertIn("text/html", page.headers["content-type"])
        question = {"message": "Who is speaking about Tectonix?", "session_id": "s"}
        self.assertIn("Burke Libbey", get(self.local(2) + "/chat", question)["message"])

    def test_3_again_changes_nothing_and_down_keeps_all(self):
        self.assertIn("already runs", self.up("--no-example"))
        before = self.indexes()
        self.assertIn("schedule", before)
        self.down()
        self.assertEqual(self.status(), {})
        self.up("--no-example")
        self.assertEqual(self.indexes(), before)
        turns = get(self.local(2) + "/chat/history/s")["messages"]
        self.assertEqual(len(turns), 2)

    def test_4_a_platform_that_is_killed_comes_back(self):
        state = json.loads((self.data / "run/services.json").read_text())
        os.kill(state["services"][0]["pid"], signal.SIGKILL)
        self.up("--no-example")
        self.assertIn("schedule", self.indexes())

    def test_5_what_runs_can_be_taken_elsewhere(self):
        self.rage("apply", "--data", self.data, "-f", self.person_manifests())
        folder = self.data / "exported"
        self.rage("export", "--data", self.data, "-o", folder)
        names = {each.name for each in folder.iterdir()}
        self.assertLessEqual({"workspace.kaito.sh_default_model.yaml", "kustomization.yaml",
                              "configmap_default_notes.yaml"}, names)
        self.assertFalse([each for each in names if "secret" in each], names)
        exported = self.rage("export", "--data", self.data, "--secrets")
        self.assertIn("kind: Secret", exported)
        for gone in ("resourceVersion", "managedFields", "clusterIP", "status:", "uid:"):
            self.assertNotIn(gone, exported)
        with tempfile.TemporaryDirectory(prefix="rage-up-") as other:
            port = str(free_ports(10))
            file = Path(other) / "exported.yaml"
            file.write_text(exported)
            try:
                self.rage("up", "--data", other, "--port-base", port, "-f", file, "--wait", "0")
                self.assertEqual(self.rage("export", "--data", other, "--secrets"), exported)
            finally:
                self.rage("down", "--data", other, check=False)

    def person_manifests(self):
        file = self.data / "mine.yaml"
        file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\n"
                        "data: {a: \"1\"}\n---\napiVersion: v1\nkind: Secret\n"
                        "metadata: {name: key}\nstringData: {token: t}\n")
        return file

    def test_6_another_model_is_what_answers_and_says_so(self):
        gguf = self.data / "other.gguf"
        shutil.copy(cache() / GGUF, gguf)
        self.up("--no-example", "--model", f"file:{gguf}")
        wanted = f"packaged:SmolLM2-135M-Instruct -> file:{gguf}"
        self.assertEqual(self.status()["model"]["substituted"], wanted)
        for models in (self.local(1), self.local(3), self.local(3) + "/rag"):
            self.assertIn(wanted, json.dumps(get(models + "/v1/models")["data"][0]["tags"]))


class Upgrade(Platform):
    def test_indexes_of_the_time_before_the_platform_are_served(self):
        rag = subprocess.Popen([BINARY, "rag", "--data", str(self.data), "--port", "0"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        with rag:
            url = rag.stdout.readline().split()[-1]
            get(url + "/index", {"index_name": "old", "documents": [{"text": "Kept since then."}]})
            rag.terminate()
            rag.wait(60)
        self.assertIn("were moved", self.up("--no-example"))
        self.assertFalse((self.data / "indexes").exists())
        found = get(f"http://127.0.0.1:{self.port}/retrieve",
                    {"index_name": "old", "query": "kept", "max_node_count": 1})
        self.assertEqual(found["results"][0]["text"], "Kept since then.")


if __name__ == "__main__":
    unittest.main()
