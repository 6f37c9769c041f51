"""`rage ingest site` against the real service, from a small web server on loopback."""

import hashlib
import http.server
import json
import shutil
import subprocess
import tempfile
import threading
import unittest

from support import BINARY, Service
from test_documents import pdf

INDEX = "handbook"
TOPICS = {"travel": "Trips are approved by Zoltan Quaver, head of travel.",
          "leave": "Thirty days of leave a year; ask Mira Osei.",
          "expenses": "Receipts go to the cellar office within a week.",
          "keys": "A lost key costs forty crowns.",
          "garden": "The garden opens at seven.",
          "kitchen": "The kitchen closes at ten; dishes are washed by their owner.",
          "bikes": "Twelve bicycles stand behind the forge."}


def page(title, body="", head=""):
    links = "".join(f'<li><a href="/{name}.html">{name}</a></li>' for name in TOPICS)
    return (f"<!DOCTYPE html><html><head><title>{title}</title>{head}</head><body><nav><ul>{links}"
            f"</ul></nav><main><h1>{title}</h1>{body}</main></body></html>")


class Site:
    """`pages`: path -> (type, bytes or str). Every page has an ETag; `asked` is (path, status)."""

    def __init__(self):
        self.pages = {f"/{name}.html": ("text/html", page(name, f"<p>{text}</p>"))
                      for name, text in TOPICS.items()}
        self.pages["/"] = ("text/html", page("Handbook", '<p>All there is to know.</p>'
                           '<a href="forms/claim.pdf">form</a> <a href="notes.md">notes</a> '
                           '<a href="private/pay.html">pay</a> <a href="https://other.invalid/">x</a>'
                           '<a href="drafts.html">drafts</a> <a href="away">away</a>'))
        self.pages["/forms/claim.pdf"] = ("application/pdf", pdf("Claims need the violet stamp."))
        self.pages["/notes.md"] = ("text/markdown", "# Notes\n\nThe bell rings at noon.\n")
        self.pages["/private/pay.html"] = ("text/html", page("Pay", "<p>Secret salaries.</p>"))
        self.pages["/drafts.html"] = ("text/html", page(
            "Drafts", "<p>Unfinished plans.</p>", '<meta name="robots" content="noindex">'))
        self.pages["/robots.txt"] = ("text/plain", "User-agent: *\nDisallow: /private/\n")
        self.pages["/sitemap.xml"] = (
            "application/xml", "<urlset><url><loc>ORIGIN/alone.html</loc></url></urlset>")
        self.pages["/alone.html"] = ("text/html", page("Alone", "<p>The attic is haunted.</p>"))
        self.redirects = {"/away": "http://127.0.0.1:1/secrets"}
        self.broken = set()
        self.asked = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _handler(site):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                kind, body = site.pages.get(self.path, ("text/html", None))
                status = 404 if body is None else 200
                if self.path in site.broken:
                    status, body = 500, None
                if self.path in site.redirects:
                    status, body = 302, None
                body = body or "Nothing."
                payload = body if isinstance(body, bytes) else body.replace(
                    "ORIGIN", site.url).encode()
                etag = f'"{hashlib.sha256(payload).hexdigest()[:12]}"'
                if status == 200 and self.headers.get("If-None-Match") == etag:
                    status, payload = 304, b""
                site.asked.append((self.path, status))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(payload)))
                if status in (200, 304):
                    self.send_header("ETag", etag)
                if self.path in site.redirects:
                    self.send_header("Location", site.redirects[self.path])
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_):
                pass

        return Handler


class IngestSite(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rage-ingest-site-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.service = Service(self.folder + "/rag", "--answers", "extractive", embedder="hashing")
        self.addCleanup(self.service.stop)
        self.site = Site()
        self.addCleanup(self.site.close)

    def rage(self, *words):
        return subprocess.run([BINARY, "ingest", "site", *words], capture_output=True, text=True,
                              timeout=120)

    def ingest(self, *flags, code=0):
        """The report; places in it without the site's origin."""
        self.site.asked.clear()
        told = self.rage(self.site.url, "--index", INDEX, "--owner", "me", "--pause", "0", "--json",
                         "--server", self.service.url, *flags)
        self.assertEqual(told.returncode, code, told.stdout + told.stderr)
        return json.loads(told.stdout.replace(self.site.url, ""))

    def places(self):
        status, listed = self.service.call("GET", f"/indexes/{INDEX}/documents?limit=100")
        return {d["metadata"]["url"].removeprefix(self.site.url)
                for d in listed["documents"]} if status == 200 else set()

    def embedded(self):
        """How many texts of documents the service has embedded so far."""
        lines = self.service.call("GET", "/metrics")[1].split("\n")
        series = 'rage_embeddings_total{kind="passage"} '
        return next(float(line[len(series):]) for line in lines if line.startswith(series))

    def answer(self, question):
        body = {"index_name": INDEX, "messages": [{"role": "user", "content": question}]}
        reply = self.service.call("POST", "/v1/chat/completions", body)[1]
        return reply["choices"][0]["message"]["content"], reply["grounding"]["citations"]

    def downloads(self):
        return {path for path, status in self.site.asked if status == 200} - {
            "/robots.txt", "/sitemap.xml"}

    def test_the_site_becomes_the_index_and_stays_it(self):
        wanted = {f"/{name}.html" for name in TOPICS} | {"/", "/forms/claim.pdf", "/notes.md",
                                                         "/alone.html"}
        self.assertEqual(self.ingest("--dry-run")["added"], len(wanted))
        self.assertEqual(self.places(), set())
        report = self.ingest()
        self.assertEqual(set(report["details"]["added"]), wanted)
        self.assertEqual(self.places(), wanted)
        skipped = dict(each.split(": ", 1) for each in report["details"]["skipped"])
        self.assertEqual(set(skipped), {"/private/pay.html", "/drafts.html", "/away"})
        self.assertIn("robots.txt", skipped["/private/pay.html"])
        self.assertIn("another site", skipped["/away"])
        self.assertNotIn("/private/pay.html", {path for path, _ in self.site.asked})

        text, citations = self.answer("Who approves trips?")
        self.assertIn("Zoltan Quaver", text)
        self.assertEqual(citations[0]["url"], self.site.url + "/travel.html")
        found = self.service.call("POST", "/retrieve", {
            "index_name": INDEX, "query": "violet stamp claims", "max_node_count": 1})[1]
        self.assertIn("violet stamp", json.dumps(found))

        before = self.embedded()
        self.assertGreaterEqual(before, len(wanted))
        again = self.ingest()
        self.assertEqual((again["unchanged"], again["added"], again["changed"]),
                         (len(wanted), 0, 0))
        self.assertEqual(self.embedded(), before)
        self.assertEqual(self.downloads(), {"/drafts.html"})  # Which is in no index.

        self.site.pages["/travel.html"] = ("text/html", page(
            "travel", "<p>Trips are approved by Ines Brandt, head of travel.</p>"))
        del self.site.pages["/keys.html"]
        self.site.broken.add("/leave.html")
        changes = self.ingest(code=3)  # A page could not be read.
        self.assertEqual(changes["details"]["changed"], ["/travel.html"])
        self.assertEqual(changes["details"]["removed"], ["/keys.html"])
        self.assertEqual(changes["failures"], ["/leave.html: the server answered 500"])
        self.assertEqual(self.places(), wanted - {"/keys.html"})
        self.assertEqual(self.embedded(), before + 1)  # The one that changed.
        text, _ = self.answer("Who approves trips?")
        self.assertIn("Ines Brandt", text)
        self.assertNotIn("Zoltan", text)
        self.assertIn("Mira Osei", self.answer("Whom do I ask for leave?")[0])

    def test_a_broken_site_removes_nothing(self):
        count = self.ingest()["documents"]
        for name in list(TOPICS)[:7]:
            del self.site.pages[f"/{name}.html"]
        refused = self.ingest(code=3)
        self.assertEqual((refused["reason"], refused["removed"]), ("TooManyRemovals", 0))
        self.assertIn("--force", refused["message"])
        self.assertEqual(len(self.places()), count)
        self.assertEqual(len(self.ingest("--dry-run", "--force")["details"]["removed"]), 7)
        self.assertEqual(len(self.places()), count)
        self.ingest("--force")
        self.assertEqual(len(self.places()), count - 7)
        for broken in ("/robots.txt", "/"):
            self.site.broken = {broken}
            self.assertEqual(self.ingest("--force", code=1)["reason"], "SourceUnavailable")
        self.assertEqual(len(self.places()), count - 7)

    def test_is_bounded_and_says_so(self):
        self.assertIn("4 pages", self.ingest("--max-pages", "4")["message"])
        self.assertLessEqual(len(self.places()), 4)
        told = self.rage(self.site.url + "/travel.html", "--include", "travel.html", "--index",
                         "other", "--owner", "me", "--pause", "0", "--server", self.service.url)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn(f"+ {self.site.url}/travel.html\n", told.stdout)
        self.assertIn("1 documents: 1 added", told.stdout)
        told = self.rage("ftp://example.org/", "--index", "other", "--owner", "me", "--server",
                         self.service.url)
        self.assertEqual(told.returncode, 3)
        self.assertIn("http://", told.stdout)
        self.assertIn("Examples:", self.rage("--help").stdout)


if __name__ == "__main__":
    unittest.main()
