"""`rage ingest schedule` against the real service, from a site, a feed and a file."""

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from schedule_site import PATH, Site
from support import BINARY, SCHEDULE, Service
from test_assistant import Assistant

CONFERENCE = "https://www.socallinuxexpo.org"
INDEX = "schedule_index"


def metadata_of(service):
    """{address: metadata} of all documents in the index."""
    found, offset = {}, 0
    while True:
        status, page = service.call(
            "GET", f"/indexes/{INDEX}/documents?limit=100&offset={offset}&max_text_length=1")
        if status != 200:
            return found
        for document in page["documents"]:
            found[document["metadata"]["url"]] = document["metadata"]
        offset += page["count"]
        if page["count"] == 0 or offset >= page["total_items"]:
            return found


class Ingest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rage-ingest-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.service = Service(self.folder + "/rag", "--answers", "extractive", embedder="hashing")
        self.addCleanup(self.service.stop)
        self.documents = json.loads(SCHEDULE.read_text())["documents"]
        self.site = Site(self.documents)
        self.addCleanup(self.site.close)

    def rage(self, *words):
        return subprocess.run([BINARY, "ingest", "schedule", *words], capture_output=True,
                              text=True, timeout=300)

    def ingest(self, source=None, *flags, code=0):
        told = self.rage(source or self.site.origin + PATH, "--address-base", CONFERENCE, "--json",
                         "--server", self.service.url, *flags)
        self.assertEqual(told.returncode, code, told.stdout + told.stderr)
        return json.loads(told.stdout)

    def answer(self, question):
        body = {"index_name": INDEX, "messages": [{"role": "user", "content": question}]}
        reply = self.service.call("POST", "/v1/chat/completions", body)[1]
        return reply["choices"][0]["message"]["content"], reply["grounding"]

    def test_the_site_becomes_the_index_and_stays_it(self):
        report = self.ingest()
        self.assertEqual((len(report["added"]), report["unchanged"]), (len(self.documents), 0))
        expected = {d["metadata"]["url"]: {**d["metadata"], "indexed_by": "schedule"}
                    for d in self.documents}
        self.assertEqual(metadata_of(self.service), expected)

        computed = self.embedded()
        self.assertGreaterEqual(computed, len(self.documents))
        again = self.ingest()  # Costs nothing: no embedding is computed.
        self.assertEqual((again["unchanged"], again["written"]), (len(self.documents), False))
        self.assertEqual(self.embedded(), computed)

        talk = self.site.find("all-your-keyboards")
        talk.update(location="Room 999", start="13:15", end="14:00")
        self.site.remove("migrating-opentelemetry")
        self.site.sessions.append({**talk, "title": "A New Talk", "date": "03/08/2026",
                                   "url": CONFERENCE + PATH + "/a-new-talk"})
        changes = self.ingest()
        self.assertEqual([e["title"] for e in changes["added"]], ["A New Talk"])
        self.assertEqual([e["url"] for e in changes["removed"]],
                         [CONFERENCE + PATH + "/migrating-opentelemetry"])
        self.assertEqual(changes["changed"][0]["fields"], [
            {"field": "location", "before": "Ballroom C", "after": "Room 999"},
            {"field": "start", "before": "11:00", "after": "13:15"},
            {"field": "end", "before": "11:45", "after": "14:00"}])
        text, grounding = self.answer("In which room is All Your Keyboards Are Belong To Us?")
        self.assertIn("Room 999", text)
        self.assertNotIn("Ballroom C", text)
        self.assertIn("all-your-keyboards", grounding["citations"][0]["url"])
        self.assertNotIn("Ballroom F", self.answer("Where is Migrating to OpenTelemetry?")[0])
        self.assertFalse(self.ingest()["written"])

    def test_move_a_session_and_ask_the_assistant_again(self):
        """The room changes in the feed, and after one run the chat knows."""
        self.ingest()
        agent = Assistant("--data", self.folder + "/agent", "--index", INDEX, "--model", "any",
                          "--base-url", self.service.url + "/v1")
        self.addCleanup(agent.stop)

        def ask(question):
            events = agent.stream(question, "s")
            return events[-1][1]

        question = "In which room and when is All Your Keyboards Are Belong To Us?"
        self.assertIn("Ballroom C", ask(question)["message"])
        talk = self.site.find("all-your-keyboards")
        talk.update(location="Room 999", date="03/08/2026", start="13:15", end="14:00")
        self.ingest()
        after = ask(question)
        self.assertIn("Room 999", after["message"])
        self.assertNotIn("Ballroom C", after["message"])
        self.assertIn("all-your-keyboards", after["grounding"]["citations"][0]["url"])
        # After the night in which the clocks go forward: 13:15 is 20:15 UTC.
        doc_id = after["grounding"]["citations"][0]["doc_id"]
        self.assertIn("DTSTART:20260308T201500Z", agent.call("GET", f"/calendar?doc={doc_id}")[1])
        # Gone from the feed: gone from every answer.
        self.site.sessions.remove(talk)
        self.ingest()
        gone = ask(question)
        self.assertNotIn("Room 999", gone["message"])
        self.assertNotIn("all-your-keyboards", json.dumps(gone["grounding"]["citations"]))
        # A run that finds nothing new computes no embedding.
        before = self.embedded()
        self.assertGreaterEqual(before, len(self.documents))
        self.assertFalse(self.ingest()["written"])
        self.assertEqual(self.embedded(), before)

    def embedded(self):
        """How many texts of documents the service has embedded so far."""
        lines = self.service.call("GET", "/metrics")[1].split("\n")
        series = 'rage_embeddings_total{kind="passage"} '
        return next(float(line[len(series):]) for line in lines if line.startswith(series))

    def test_feed_and_file_say_the_same(self):
        self.ingest(self.site.origin + "/scale/23x/signs")
        found = metadata_of(self.service)
        for document in self.documents:
            metadata = document["metadata"]
            kept = found[metadata["url"]]
            for field in ("title", "description", "topic", "location", "date", "start", "end"):
                self.assertEqual(kept[field], metadata[field], metadata["url"])
        report = self.ingest(str(SCHEDULE))  # What the feed does not tell: audience, addresses.
        self.assertEqual((report["added"], report["removed"]), ([], []))
        fields = {c["field"] for e in report["changed"] for c in e["fields"]}
        self.assertLessEqual(fields, {"audience", "speakers' addresses"})
        self.assertFalse(self.ingest(str(SCHEDULE))["written"])

    def test_an_index_of_the_demo_is_taken_over(self):
        self.assertEqual(self.service.index(INDEX, self.documents)[0], 200)
        self.site.remove("migrating-opentelemetry")
        report = self.ingest()
        self.assertEqual((len(report["added"]), len(report["removed"])), (0, 1))
        self.assertEqual(len(metadata_of(self.service)), len(self.documents) - 1)

    def test_a_broken_source_removes_nothing(self):
        self.ingest()
        self.site.sessions = self.site.sessions[:60]
        refused = self.ingest(code=3)
        self.assertIn("--force", refused["message"])
        self.assertEqual((len(refused["removed"]), refused["written"]),
                         (len(self.documents) - 60, False))
        self.assertEqual(len(metadata_of(self.service)), len(self.documents))
        self.assertEqual(self.ingest(None, "--dry-run", "--force")["written"], False)
        self.ingest(None, "--force")
        self.assertEqual(len(metadata_of(self.service)), 60)
        self.site.sessions = []
        self.ingest(None, "--force", code=3)  # An empty page is no schedule, whatever the flags.
        self.assertEqual(len(metadata_of(self.service)), 60)

    def test_a_page_that_fails_costs_no_session(self):
        self.ingest()
        talk = self.site.find("all-your-keyboards")
        talk["location"] = "Room 999"
        self.site.find("cracking-passwords")["location"] = "Room 998"
        self.site.broken.add(PATH + "/" + talk["url"].rsplit("/", 1)[1])
        report = self.ingest(code=1)
        self.assertEqual(len(report["failures"]), 1)
        self.assertEqual([e["fields"][0]["after"] for e in report["changed"]], ["Room 998"])
        self.assertEqual(metadata_of(self.service)[talk["url"]]["location"], "Ballroom C")
        self.site.broken = {PATH}
        self.ingest(code=1)
        self.assertEqual(len(metadata_of(self.service)), len(self.documents))

    def test_the_demos_two_steps(self):
        out = Path(self.folder) / "output"
        told = self.rage("parse_schedule.py", self.site.origin + PATH, "--address-base", CONFERENCE,
                         "--out", str(out))
        self.assertEqual(told.returncode, 0, told.stderr)
        flat = json.loads((out / "schedule.json").read_text())
        self.assertEqual(list(flat[0]), "title url speaker speaker_url description topic audience "
                                        "location date start end".split())
        self.assertEqual(len(flat), len(self.documents))
        self.assertTrue(all(isinstance(v, str) for s in flat for v in s.values()))
        self.assertEqual(self.rage("format_schedule.py", "--output", str(out)).returncode, 0)
        index = json.loads((out / "schedule_index.json").read_text())
        self.assertEqual(index["index_name"], INDEX)
        self.assertEqual(list(index["documents"][0]["metadata"]),
                         list(self.documents[0]["metadata"]))
        self.assertEqual(self.service.call("POST", "/index", index)[0], 200)
        self.assertEqual(self.rage("format", "--out", self.folder + "/nothing").returncode, 1)

    def test_says_it_to_people(self):
        told = self.rage(str(SCHEDULE), "--server", self.service.url, "--dry-run")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn(f"{len(self.documents)} added, 0 changed, 0 removed, 0 unchanged; "
                      "nothing was written", told.stdout)


if __name__ == "__main__":
    unittest.main()
