"""`rage auto-index` against the real service, real git repositories and a small web server."""

import base64
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from support import BINARY, Service

GIT = {
    **os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
OWNER = "team/docs"


class Repository:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments):
        told = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=GIT, capture_output=True, text=True
        )
        if told.returncode != 0:
            raise AssertionError(told.stderr)
        return told.stdout.strip()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "x")
        return self.git("rev-parse", "HEAD")


class Web(http.server.BaseHTTPRequestHandler):
    """Pages with ETags; below /git/ the repository, for those who know the password."""

    pages = {}  # path -> (status, body, headers)
    asked = []  # (path, had a condition)
    repository = None
    authorization = None

    def do_GET(self):
        if self.path.startswith("/git/"):
            return self._git()
        status, body, headers = Web.pages.get(self.path, (404, b"", {}))
        condition = self.headers.get("If-None-Match")
        Web.asked.append((self.path, condition is not None))
        if condition and condition == headers.get("ETag"):
            status, body = 304, b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def _git(self):
        if Web.authorization and self.headers.get("Authorization") != Web.authorization:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.removeprefix("/git").partition("?")
        told = subprocess.run(
            ["git", "http-backend"],
            input=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            capture_output=True,
            env={
                **GIT, "GIT_PROJECT_ROOT": str(Web.repository), "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            },
        ).stdout
        head, _, body = told.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((value.split()[0] for name, value in lines if name == "Status"), "200")
        self.send_response(int(status))
        for name, value in lines:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class AutoIndexTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="rage-auto-index-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.service = Service(self.folder / "data", embedder="hashing")
        self.addCleanup(self._stop)

    def _stop(self):
        self.assertEqual(self.service.stop(), 0, self.service.log)

    def arguments(self, *source):
        return [
            BINARY, "auto-index", "--index", "docs", "--owner", OWNER, "--server",
            self.service.url, "--allow-local", "--json", *source,
        ]

    def run_once(self, *source, code=0):
        told = subprocess.run(
            self.arguments(*source), capture_output=True, text=True, timeout=120
        )
        self.assertEqual(told.returncode, code, told.stdout + told.stderr)
        return json.loads(told.stdout)

    def counts(self, report):
        return {key: report[key] for key in ("added", "changed", "removed", "unchanged", "failed")}

    def places(self):
        """{path or URL: text} of our documents, each of which is one chunk."""
        found, offset = {}, 0
        while True:
            status, page = self.service.call(
                "GET", f"/indexes/docs/documents?limit=100&offset={offset}&max_text_length=10000"
            )
            if status == 404 or not page["documents"]:
                return found
            for row in page["documents"]:
                if row["metadata"].get("indexed_by") == OWNER:
                    place = row["metadata"].get("file_path") or row["metadata"].get("url")
                    self.assertNotIn(place, found)
                    found[place] = row["text"]
            offset += page["count"]

    def writes(self):
        """Successful requests that may write."""
        _, text = self.service.call("GET", "/metrics")
        names = "rag_index_requests_total|rag_indexes_(?:update|delete)_document_requests_total"
        return sum(map(float, re.findall(rf"^(?:{names})\{{.*\}} (\S+)$", text, re.MULTILINE)))

    def repository(self):
        repository = Repository(self.folder / "source/docs")
        repository.write("README.md", "# Read me")
        repository.write("guide/start.md", "How to start the engine.")
        repository.write("guide/stop.md", "How to stop the engine.")
        repository.write("data.json", '[{"text": "A record.", "metadata": {"title": "R"}}]')
        repository.write("main.c", "int main() {}")
        repository.write(".github/hidden.md", "Not for readers.")
        (self.folder / "outside.md").write_text("A secret of the machine.")
        os.symlink(self.folder / "outside.md", repository.folder / "link.md")
        os.symlink("../..", repository.folder / "up")
        return repository


class FromGit(AutoIndexTest):
    def test_follows_a_repository(self):
        repository = self.repository()
        commit = repository.commit()
        url = f"file://{repository.folder}"
        self.service.index("docs", [{"text": "By hand.", "metadata": {"title": "mine"}}])
        report = self.run_once("--git", url, "--report", str(self.folder / "report"))
        self.assertEqual(report["revision"], commit)
        self.assertEqual(report["added"], 4)
        self.assertEqual(report["skipped"], 1)  # main.c
        details = report.pop("details")
        self.assertEqual(json.loads((self.folder / "report").read_text()), report)
        self.assertEqual(details["added"],
                         ["README.md", "data.json", "guide/start.md", "guide/stop.md"])
        self.assertEqual(
            set(self.places()), {"README.md", "guide/start.md", "guide/stop.md", "data.json"}
        )
        self.assertNotIn("A secret of the machine.", self.service.texts("docs"))

        before = self.writes()
        self.assertGreater(before, 0)
        again = self.run_once("--git", url)
        self.assertEqual(again["unchanged"], 4)
        self.assertEqual(self.writes(), before)

        repository.write("README.md", "# Read me again")  # Change,
        repository.write("new.md", "New.")  # add,
        os.remove(repository.folder / "guide/stop.md")  # delete,
        repository.git("mv", "guide/start.md", "guide/begin.md")  # rename.
        repository.commit()
        report = self.run_once("--git", url)
        self.assertEqual(
            self.counts(report),
            {"added": 1, "changed": 2, "removed": 1, "unchanged": 1, "failed": 0},
        )
        self.assertEqual(
            self.places(),
            {
                "README.md": "# Read me again", "new.md": "New.", "data.json": "A record.",
                "guide/begin.md": "How to start the engine.",
            },
        )
        repository.git("revert", "--no-edit", "HEAD")  # The old text comes back.
        self.assertEqual(self.run_once("--git", url)["documents"], 4)
        self.assertEqual(self.places()["README.md"], "# Read me")
        self.assertIn("By hand.", self.service.texts("docs"))

        report = self.run_once("--remove-all")
        self.assertEqual((report["removed"], report["documents"]), (4, 0))
        self.assertEqual(self.service.texts("docs"), {"By hand."})

    def test_takes_what_the_globs_choose(self):
        repository = self.repository()
        repository.git("checkout", "--quiet", "-b", "other")
        repository.write("logo.bin", "x")
        repository.commit()
        url = f"file://{repository.folder}"
        self.run_once(
            "--git", url, "--ref", "other", "--include=*.md", "--exclude=guide/stop.md"
        )
        self.assertEqual(set(self.places()), {"README.md", "guide/start.md", ".github/hidden.md"})
        report = self.run_once("--git", url, "--include=*.bin", "--keep-removed", code=3)
        self.assertEqual(report["reason"], "SomeDocumentsFailed")
        self.assertIn("logo.bin", report["failures"][0])
        # Source code is read where somebody asks for it.
        self.run_once("--git", url, "--include=*.c", "--keep-removed")
        self.assertEqual(self.places()["main.c"], "int main() {}")
        report = self.run_once("--git", url, "--ref", "absent", code=1)
        self.assertEqual(report["reason"], "SourceUnavailable")
        self.assertIn("absent", report["message"])
        self.assertEqual(len(self.places()), 4)

    def test_refuses_local_sources_unless_told(self):
        repository = self.repository()
        repository.commit()
        for source in (
            ("--git", f"file://{repository.folder}"), ("--git", "https://127.0.0.1:1/x"),
            ("--git", "ext::sh -c true"), ("--url", "http://127.0.0.1:1/x"),
            ("--url", "http://localhost:1/x"), ("--url", "file:///etc/passwd"),
        ):
            told = subprocess.run(
                [each for each in self.arguments(*source) if each != "--allow-local"],
                capture_output=True, text=True,
            )
            self.assertEqual(told.returncode, 3, (source, told.stdout, told.stderr))
        self.assertEqual(self.places(), {})

    def test_fetches_over_ssh(self):
        repository = self.repository()
        repository.commit()
        programs, secret = self.folder / "bin", self.folder / "secret"
        programs.mkdir()
        secret.mkdir()
        fake = programs / "ssh"  # Writes down how it was called, then is the other side.
        fake.write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {self.folder}/called\n"
            'for last in "$@"; do :; done\neval "$last"\n'
        )
        fake.chmod(0o755)
        url = f"git@127.0.0.1:{repository.folder}"
        report = self.run_once("--git", url, code=3)
        self.assertIn("known_hosts", report["message"])
        (secret / "ssh-privatekey").write_text("key")
        (secret / "known_hosts").write_text("hosts")
        told = subprocess.run(
            self.arguments("--git", url, "--credentials", str(secret)), capture_output=True,
            text=True, env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        )
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
        called = (self.folder / "called").read_text().split("\n")
        self.assertIn("StrictHostKeyChecking=yes", called)
        self.assertIn(f"UserKnownHostsFile={secret}/known_hosts", called)
        self.assertIn("git@127.0.0.1", called)

    def test_is_completed_after_kill_9(self):
        repository = Repository(self.folder / "docs")
        for number in range(300):
            repository.write(f"{number}.md", f"Document {number}. " + "Words and words. " * 40)
        repository.commit()
        url = f"file://{repository.folder}"
        for pause in (0.05, 0.15, 0.25, 0.35, 0.5):
            process = subprocess.Popen(
                self.arguments("--git", url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(pause)
            process.kill()
            process.wait()
        report = self.run_once("--git", url)
        self.assertEqual(report["documents"], 300)
        for number in range(0, 300, 2):
            os.remove(repository.folder / f"{number}.md")
        repository.commit()
        self.assertEqual(
            self.run_once("--git", url, "--max-removed-percent=49", code=3)["reason"],
            "TooManyRemovals",
        )
        process = subprocess.Popen(
            self.arguments("--git", url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.2)
        process.kill()
        process.wait()
        self.assertEqual(self.run_once("--git", url)["documents"], 150)
        self.assertEqual(self.run_once("--git", url)["unchanged"], 150)


class FromTheWeb(AutoIndexTest):
    def setUp(self):
        super().setUp()
        Web.pages, Web.asked, Web.authorization = {}, [], None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @staticmethod
    def page(text, etag=None, status=200, **headers):
        headers = {"Content-Type": "text/markdown", **headers}
        return status, text.encode(), {**headers, **({"ETag": etag} if etag else {})}

    def test_follows_urls(self):
        Web.pages = {
            "/a.md": self.page("First.", '"1"'), "/b": self.page("Second."),
            "/moved": self.page("", status=301, Location="/target"),
            "/target": self.page("Third."),
        }
        urls = [f"--url={self.url}{path}" for path in ("/a.md", "/b", "/moved")]
        report = self.run_once(*urls)
        self.assertEqual((report["added"], report["documents"]), (3, 3))
        before, revision = self.writes(), report["revision"]
        report = self.run_once(*urls)
        self.assertEqual((report["unchanged"], report["revision"]), (3, revision))
        self.assertIn(("/a.md", True), Web.asked)
        self.assertEqual(self.writes(), before)
        Web.pages["/a.md"] = self.page("First, changed.", '"2"')
        Web.pages["/b"] = self.page("", status=500)
        del Web.pages["/target"]
        report = self.run_once(*urls, code=3)
        self.assertEqual(
            self.counts(report),
            {"added": 0, "changed": 1, "removed": 1, "unchanged": 1, "failed": 1},
        )
        self.assertEqual(
            self.places(), {f"{self.url}/a.md": "First, changed.", f"{self.url}/b": "Second."}
        )

    def test_fetches_a_private_repository(self):
        self.repository().commit()
        Web.repository = self.folder / "source"
        Web.authorization = "Basic " + base64.b64encode(b"me:s3cret").decode()
        url = f"{self.url}/git/docs/.git"
        report = self.run_once("--git", url, code=1)
        self.assertEqual(report["reason"], "SourceUnavailable")
        secret = self.folder / "secret"
        secret.mkdir()
        (secret / "username").write_text("me")
        (secret / "password").write_text("s3cret\n")
        report = self.run_once("--git", url, "--credentials", str(secret))
        self.assertEqual(report["documents"], 4)
        self.assertNotIn("s3cret", json.dumps(report))


if __name__ == "__main__":
    unittest.main()
