"""What a person or a script types."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import unittest

from support import BINARY, EMBEDDER, SCHEDULE, Service, free_ports


def rage(*arguments, stdin=None, environment=None):
    return subprocess.run(
        [BINARY, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **(environment or {})},
    )


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="rage-cli-")
        cls.service = Service(cls.data, "--answers", "extractive", embedder="hashing")

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()
        shutil.rmtree(cls.data, ignore_errors=True)

    def test_every_command_explains_itself_with_an_example(self):
        for command in (
            ["up"],
            ["status"],
            ["down"],
            ["export"],
            ["reset"],
            ["index"],
            ["auto-index"],
            ["retrieve"],
            ["ask"],
            ["rag"],
            ["model", "pull"],
            ["model", "list"],
            ["model", "serve"],
            ["get"],
            ["describe"],
            ["logs"],
            ["wait"],
            ["doctor"],
        ):
            shown = rage(*command, "--help")
            self.assertEqual(shown.returncode, 0, command)
            self.assertIn("Example", shown.stdout, command)

    def test_index_retrieve_ask(self):
        server = ("--server", self.service.url)
        indexed = rage("index", "schedule", str(SCHEDULE), "--json", *server)
        self.assertEqual(indexed.returncode, 0, indexed.stderr)
        self.assertEqual(json.loads(indexed.stdout)["documents"], 92)
        again = rage("index", "schedule", str(SCHEDULE), *server)
        self.assertIn("92 documents", again.stdout)
        found = rage("retrieve", "schedule", "rootkits", "-n", "3", *server)
        self.assertEqual(len(found.stdout.splitlines()), 3)
        self.assertEqual(len(found.stdout.splitlines()[0].split("\t")), 4)
        self.assertIn("Rootkits", found.stdout.splitlines()[0])
        answer = rage(
            "ask",
            "schedule",
            "In which room is Hunting Rootkits with Nothing but the Base Install?",
            *server,
        )
        self.assertIn("Room 101", answer.stdout)
        self.assertIn("Sources", answer.stdout)
        whole = rage("ask", "schedule", "When does Linus Torvalds speak?", "--json", *server)
        self.assertEqual(json.loads(whole.stdout)["grounding"]["mode"], "abstained")

    def test_files_folders_and_standard_input(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {
                "a.md": "# Alpha",
                "b.txt": "Beta",
                "c.png": "x",
                "d.txt": "",
            }.items():
                with open(os.path.join(folder, name), "w") as file:
                    file.write(text)
            indexed = rage("index", "files", folder, "--json", "--server", self.service.url)
            report = json.loads(indexed.stdout)
            self.assertEqual(report["documents"], 2)
            self.assertEqual(
                {os.path.basename(s["path"]) for s in report["skipped"]}, {"c.png", "d.txt"}
            )
        piped = rage(
            "index",
            "lines",
            "-",
            "--server",
            self.service.url,
            stdin='{"text":"one","room":"101"}\n{"text":"two"}\n',
        )
        self.assertEqual(piped.returncode, 0, piped.stderr)
        _, page = self.service.call("GET", "/indexes/lines/documents")
        self.assertEqual(page["documents"][0]["metadata"], {"room": "101"})

    def test_errors_say_what_to_do(self):
        nobody = rage("ask", "schedule", "x", "--server", "http://127.0.0.1:1")
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("rage up", nobody.stderr)
        unknown = rage("retrieve", "none", "x", "--server", self.service.url)
        self.assertIn("No such index: 'none' exists.", unknown.stderr)
        self.assertNotEqual(rage("frobnicate").returncode, 0)

    def test_model_list_shows_the_packaged_models(self):
        models = json.loads(rage("model", "list", "--json").stdout)["models"]
        names = {model["name"] for model in models}
        self.assertTrue({"all-MiniLM-L6-v2", "SmolLM2-135M-Instruct"} <= names, names)


class UpAndDown(unittest.TestCase):
    def setUp(self):
        self.folders = []

    def tearDown(self):
        for folder in self.folders:
            rage("down", "--data", folder)
            shutil.rmtree(folder, ignore_errors=True)

    def up(self, port, *flags):
        folder = tempfile.mkdtemp(prefix="rage-up-")
        self.folders.append(folder)
        return folder, rage(
            "up",
            "--detach",
            "--data",
            folder,
            "--port-base",
            str(port),
            "--embedder",
            EMBEDDER,
            *flags,
        )

    def test_two_installations_side_by_side(self):
        folder, started = self.up(free_ports(10), "--example", str(SCHEDULE))
        self.assertEqual(started.returncode, 0, started.stderr)
        self.assertIn("Burke Libbey", started.stdout)
        self.assertIn("rage down", started.stdout.replace(BINARY, "rage"))
        other, started = self.up(free_ports(10), "--no-example")
        self.assertEqual(started.returncode, 0, started.stderr)
        for data in (folder, other):
            services = json.loads(rage("status", "--data", data, "--json").stdout)["services"]
            self.assertEqual(
                {service["name"] for service in services},
                {"platform", "gateway", "rag", "assistant", "model"},
            )
            self.assertTrue(all(service["ready"] for service in services), services)
        url = next(s["url"] for s in services if s["name"] == "rag")
        self.assertEqual(rage("down", "--data", folder).returncode, 0)
        self.assertEqual(
            json.loads(rage("status", "--data", folder, "--json").stdout), {"services": []}
        )
        self.assertEqual(rage("status", "--data", other).returncode, 0, "the other one must go on")
        again = rage(
            "up", "--detach", "--data", other, "--no-example", "--port-base", url.rsplit(":", 1)[1]
        )
        self.assertIn("already runs", again.stdout)

    def test_a_taken_port_is_named(self):
        with socket.socket() as taken:
            port = free_ports(10)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            folder, refused = self.up(port, "--no-example")
            self.assertEqual(refused.returncode, 1)
            self.assertIn(f"port {port} on 127.0.0.1 is taken", refused.stderr)
            self.assertEqual(rage("status", "--data", folder).returncode, 3)
