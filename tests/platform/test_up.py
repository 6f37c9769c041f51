"""The talk on one machine: its manifests become Ready as processes, one URL serves two models, an
overlay turns an assistant that invents into one that knows; and whatever is killed comes back with
every document and every turn."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/operator"))
from support import free_ports, wait_until  # noqa: E402

BINARY = os.environ.get("RAGE_BINARY", str(ROOT / "build/release/rage"))
EXAMPLE = ROOT / "examples/scale23x"
MANIFESTS = EXAMPLE / "manifests"
QUESTION = "Who is speaking about Tectonix, in which room and at what time?"
MODELS = ("phi-4-mini-instruct", "gemma-3-27b-instruct")


class Platform(unittest.TestCase):
    """A platform in a data directory of its own, which is removed in the end."""

    @classmethod
    def setUpClass(cls):
        cls.data = Path(tempfile.mkdtemp(prefix="rage-up-"))
        cls.addClassCleanup(shutil.rmtree, cls.data, ignore_errors=True)
        cls.port = free_ports(10)
        cls.addClassCleanup(cls.down)

    @classmethod
    def rage(cls, *arguments, timeout=400, check=True):
        environment = {**os.environ, "KUBECONFIG": str(cls.data / "cluster/kubeconfig")}
        told = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True,
                              timeout=timeout, env=environment, stdin=subprocess.DEVNULL)
        if check and told.returncode != 0:
            raise AssertionError(f"rage {arguments}: {told.stdout}{told.stderr}\n{cls.log()}")
        return told.stdout

    @classmethod
    def up(cls, *arguments):
        return cls.rage("up", "--data", cls.data, "--port-base", cls.port, "--detach", *arguments)

    @classmethod
    def down(cls):
        cls.rage("down", "--data", cls.data, check=False)

    @classmethod
    def log(cls):
        with contextlib.suppress(OSError):
            return (cls.data / "logs/platform.log").read_text()[-4000:]
        return ""

    def url(self, service):
        """Where a Service is dialled from this machine: without root not at its own port 80."""
        told = json.loads((self.data / "run/service-addresses.json").read_text())
        for each in told["services"]:
            if (each["namespace"], each["name"]) == ("default", service):
                return each["address"], each["local_port"]
        raise ConnectionRefusedError(f"there is no Service {service} yet")

    def ask(self, service, path, body=None, method="POST"):
        host, port = self.url(service)
        connection = http.client.HTTPConnection(host, int(port), timeout=120)
        self.addCleanup(connection.close)
        payload = (json.dumps(body) if isinstance(body, dict) else body or "").encode()
        connection.request(method, path, payload, {"content-type": "application/json"})
        reply = connection.getresponse()
        text = reply.read().decode()
        return reply.status, json.loads(text) if text.startswith(("{", "[")) else text

    def chat(self, path, model, **more):
        body = {"model": model, "max_tokens": 20,
                "messages": [{"role": "user", "content": QUESTION}], **more}
        return self.ask("kaito-gateway-istio", path, body)

    def until_chat(self, path, model, **more):
        """The first answer: routes are taken over a moment after the Gateway is programmed."""
        last = []

        def answered():
            last[:] = self.chat(path, model, **more)
            return last[0] == 200

        wait_until(answered, lambda: f"{model} answers: {last}", 120)
        return last[1]

    def index_schedule(self):
        status, told = self.ask("scale23x", "/index", (EXAMPLE / "schedule_index.json").read_text())
        self.assertEqual(status, 200, told)


class Up(Platform):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.up("-k", MANIFESTS, "--wait", "300")

    def documents(self):
        status, told = self.ask("scale23x", "/indexes/schedule_index/documents?limit=1",
                                method="GET")
        return told["total_items"] if status == 200 else 0

    def pods(self):
        found = json.loads(self.rage("get", "pods", "-A", "-o", "json"))["items"]
        return {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in found}

    def test_1_one_url_serves_both_models_and_says_what_stands_in(self):
        for model in MODELS:
            answer = self.until_chat("/v1/chat/completions", model)
            self.assertEqual(answer["model"], model)
        substituted = [
            each["metadata"].get("annotations", {}).get("rage.dev/substituted-model", "")
            for each in self.pods().values()
        ]
        for model in MODELS:
            self.assertTrue(any(model in text for text in substituted), substituted)
        def listed():  # Servers that are too busy to answer are left out for a moment.
            return self.ask("kaito-gateway-istio", "/v1/models", method="GET")[1]["data"]

        wait_until(lambda: {each["id"] for each in listed()} == set(MODELS),
                   lambda: f"both are listed: {listed()}", 60)
        for each in listed():
            self.assertIn(f"{each['id']} -> packaged:", json.dumps(each["tags"]))
        told = json.loads(self.rage("status", "--data", self.data, "--json"))["services"]
        said = {each["name"]: each.get("substituted", "") for each in told}
        self.assertIn("-> packaged:", said[MODELS[0]])
        self.assertIn("-> packaged:", said["rag"])

    def test_2_a_question_with_sources_is_answered_from_them(self):
        self.index_schedule()
        answer = self.until_chat("/rag/chat/completions", MODELS[1], index_name="schedule_index",
                                 max_tokens=200)
        self.assertIn("grounding", answer)
        self.assertIn("Tectonix", answer["choices"][0]["message"]["content"])

    def test_3_an_overlay_gives_the_assistant_its_sources(self):
        chat = MANIFESTS / "chat/overlays"
        self.up("-k", chat / "direct", "--wait", "120")
        self.assertEqual(self.agent_says()[0], 200)
        self.up("-k", chat / "rag", "--wait", "120")
        wait_until(lambda: "Tectonix" in self.agent_says()[1].get("message", ""),
                   lambda: f"the assistant knows: {self.agent_says()}", 120)

    def agent_says(self, session="talk"):
        try:
            return self.ask("agent", "/chat", {"message": QUESTION, "session_id": session})
        except (OSError, http.client.HTTPException) as error:
            return 0, {"message": str(error)}

    def test_4_whatever_is_killed_comes_back(self):
        before = self.documents()
        self.assertGreater(before, 80)
        turns = len(self.ask("agent", "/chat/history/talk", method="GET")[1]["messages"])
        state = json.loads((self.data / "run/services.json").read_text())
        os.kill(state["services"][0]["pid"], signal.SIGKILL)
        self.up("-k", MANIFESTS, "--wait", "300")
        wait_until(lambda: self.documents() == before,
                   lambda: f"{self.documents()} of {before}", 120)
        history = wait_until(
            lambda: self.ask("agent", "/chat/history/talk", method="GET")[1].get("messages"),
            "it has the turns", 120)
        self.assertGreaterEqual(len(history), turns)
        self.until_chat("/v1/chat/completions", MODELS[0])

    def test_5_reset_deletes_only_when_told_and_only_its_own(self):
        with self.assertRaisesRegex(AssertionError, "say --yes"):
            self.rage("reset", "--data", self.data)
        with tempfile.TemporaryDirectory() as other:
            with self.assertRaisesRegex(AssertionError, "no data directory"):
                self.rage("reset", "--data", other, "--yes")
            self.assertTrue(Path(other).exists())
        self.assertGreater(self.documents(), 80)
        self.rage("reset", "--data", self.data, "--yes")
        self.assertFalse(self.data.exists())


if __name__ == "__main__":
    unittest.main()
