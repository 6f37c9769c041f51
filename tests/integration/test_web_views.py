"""The page's other views in a real Chromium, in front of the real RAG service: the model alone
beside the sources, cards and timetable, the operator's page, themes, hostile texts, budgets.
"""

import gzip
import http.client
import json
import os
import shutil
import tempfile
import threading
import unittest

from browser import CHROMIUM, DRIVER, ENTER, ESCAPE, RIGHT, TAB, Browser
from support import SCHEDULE, Service
from test_assistant import Assistant, Model, Redis, WithModel
from test_web import says

SCREENSHOTS = os.environ.get("RAGE_SCREENSHOTS")
KEYBOARDS = "In which room is All Your Keyboards Are Belong To Us?"
EVIL = ("<script>window.pwned=1</script><img src=x onerror=\"window.pwned=1\">"
        "<svg onload=window.pwned=1>[x](javascript:window.pwned=1) "
        "![i](https://evil.example/leak?q=1) \"onfocus=\"window.pwned=1\" "
        "<iframe srcdoc=\"<script>parent.pwned=1</script>\"></iframe>{{7*7}}</textarea>"
        "<a href=\"data:text/html,x\">y</a>")


@unittest.skipUnless(CHROMIUM and DRIVER, "no chromium and chromedriver")
class Views(WithModel):
    """One RAG service with the schedule for all tests; a model that is asked without sources."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browsers = {}
        cls.shared = tempfile.mkdtemp(prefix="rage-views-")
        cls.rag = Service(cls.shared + "/rag", "--answers", "extractive", embedder="hashing")
        documents = json.loads(SCHEDULE.read_text())["documents"]
        assert cls.rag.index("schedule", documents)[0] == 200

    @classmethod
    def tearDownClass(cls):
        for browser in cls.browsers.values():
            browser.stop()
        cls.rag.stop()
        shutil.rmtree(cls.shared, ignore_errors=True)
        super().tearDownClass()

    def agent(self, *flags, index="schedule", rag=None, **environment):
        folder = tempfile.mkdtemp(prefix="rage-views-agent-")
        self.addCleanup(shutil.rmtree, folder, True)
        agent = Assistant("--data", folder, "--index", index, "--model", "any", "--base-url",
                          f"{(rag or self.rag).url}/v1", "--direct-url", self.base + "/v1", *flags,
                          **environment)
        self.addCleanup(self._end, agent)
        return agent

    def open(self, agent, path="/", ready="document.querySelector('#log')?.childElementCount",
             phone=False):
        """One browser of each sort for all tests; each agent is an origin of its own."""
        if phone not in self.browsers:
            size = {"width": 360, "height": 740} if phone else {"width": 1280, "height": 1000}
            self.browsers[phone] = Browser(phone=phone, **size)
        page = self.browsers[phone]
        page.errors()  # Of the tests before.
        page.go(f"http://127.0.0.1:{agent.port}{path}")
        page.wait(ready, "the page is drawn")
        return page

    def picture(self, page, name):
        if SCREENSHOTS:
            page.screenshot(f"{SCREENSHOTS}/{name}.png")

    def ask(self, page, text):
        page.type("#question", text + ENTER)

    def settled(self, page):
        page.wait("!document.querySelector('[aria-busy]') && "
                  "document.querySelector('#send').textContent === 'Send'", "the answer is over")

    def test_the_model_alone_beside_the_sources(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        Model.script = [says("It is in the ", "Grand Hall. ", "I am sure of it.", gate=gate)]
        page = self.open(self.agent())
        # The switch by keys alone: arrows choose, as in every group of radio buttons.
        page.run("document.querySelector('#modes input:checked').focus()")
        page.press(RIGHT)
        page.press(RIGHT)
        self.assertEqual(page.run("return document.querySelector('#modes input:checked').value"),
                         "compare")
        self.ask(page, KEYBOARDS)
        page.wait("document.querySelector('.grounded .text')?.innerText.includes('Ballroom C')",
                  "the sources answer while the model still speaks")
        self.assertEqual(page.count("[aria-busy]"), 1)
        gate.set()
        page.wait("document.querySelector('.bare .text')?.innerText.includes('sure of it')",
                  "the model alone")
        self.settled(page)
        self.assertEqual(page.count(".bare .badge.unverified, .grounded .badge.sources"), 2)
        self.assertEqual(page.count(".bare .chip"), 0)
        self.assertGreater(page.count(".grounded .chip"), 0)
        self.assertNotIn("index_name", Model.asked[-1][2])
        self.picture(page, "assistant-compare")
        self.assertEqual(page.violations(), [])
        page.go(page.url)
        page.wait("document.querySelector('.bare .text')?.innerText.includes('Grand Hall')",
                  "both after a reload")
        # Direct, and a model that is not there: only that is missing.
        page.run("document.querySelector('#modes input[value=compare]').click()")
        Model.script = [400]
        self.ask(page, KEYBOARDS)
        page.wait("document.querySelectorAll('.grounded .chip').length > 1", "the sources still")
        self.settled(page)
        self.assertIn("gave no answer", page.text("article:last-child .bare"))
        self.assertEqual(page.errors(), [])

    def test_cards_timetable_and_calendar(self):
        agent = self.agent()
        page = self.open(agent)
        self.ask(page, KEYBOARDS)
        page.wait("document.querySelector('.session-card')", "a card of the session")
        self.settled(page)
        card = page.text(".session-card")
        for told in ("Keyboards", "Ballroom C", "Friday, March 6, 11:00–11:45"):
            self.assertIn(told, card)
        link = page.run("return document.querySelector('.session-card a.as-button').pathname + "
                        "document.querySelector('.session-card a.as-button').search")
        status, calendar = agent.call("GET", link)
        self.assertEqual(status, 200)
        self.assertIn("\r\nDTSTART:20260306T190000Z\r\nDTEND:20260306T194500Z\r\n", calendar)
        self.assertEqual(calendar.count("BEGIN:VEVENT"), 1)
        page.click(".session-card .card-tools button:last-child")
        page.wait("document.querySelector('#timetable .found')", "the session in the timetable")
        self.assertTrue(page.run("return document.activeElement.classList.contains('found')"))
        self.assertIn("Friday", page.text("#timetable-days [aria-pressed=true]"))
        self.assertIn("America/Los_Angeles", page.text("#timetable-note"))
        self.picture(page, "assistant-timetable")
        self.assertEqual(page.violations(), [])
        page.type("#timetable-search", "kubernetes workshop")
        page.wait("document.querySelectorAll('#timetable .session-card').length === 1", "found")
        shown = page.run("return document.querySelector('#timetable-calendar').search")
        self.assertEqual(agent.call("GET", "/api/calendar" + shown)[1].count("BEGIN:VEVENT"), 1)
        page.click("#timetable-body .card-tools button")  # Ask about it.
        page.wait("document.querySelectorAll('.message.user').length === 2", "asked in the chat")
        self.settled(page)
        self.assertTrue(page.run("return document.querySelector('#timetable').hidden"))
        page.run("history.back()")
        page.wait("!document.querySelector('#timetable').hidden", "Back leads to the timetable")
        # Sunday's keynote is at 10:30, and the clocks went forward that night.
        self.assertTrue("DTSTART:20260308T173000Z" in agent.call("GET", "/api/calendar")[1])
        self.assertEqual(page.errors(), [])

    def test_a_timetable_that_is_not_there_says_so(self):
        note = "document.querySelector('#timetable-note')"
        page = self.open(self.agent(index="nothing"), "/#timetable",
                         f"{note}.innerText.includes('no sessions')",
                         phone=True)
        self.assertEqual(page.violations(), [])
        rag = Service(self.shared + "/gone", "--answers", "extractive", embedder="hashing")
        agent = self.agent(rag=rag)
        rag.stop()
        page.go(f"http://127.0.0.1:{agent.port}/#timetable")
        page.run("location.reload()")
        page.wait(f"{note}.querySelector('button')", "a failure offers to try again")
        page.click("#view")
        self.ask(page, "Is anybody there?")
        page.wait("document.querySelector('.state.failed .retry')", "a lost question has Retry", 60)
        self.assertTrue(page.run("return document.documentElement.scrollWidth <= innerWidth"))
        self.assertEqual(page.violations(), [])

    def test_redis_dying_under_an_answer_is_told(self):
        folder = tempfile.mkdtemp(prefix="rage-views-redis-")
        self.addCleanup(shutil.rmtree, folder, True)
        redis = Redis(folder)
        self.addCleanup(redis.kill)
        gate = threading.Event()
        self.addCleanup(gate.set)
        agent = self.agent(REDIS_URL=redis.url)
        page = self.open(agent)
        page.run("document.querySelector('#modes input[value=direct]').click()")
        Model.script = [says("One. T", "wo.", gate=gate)]
        self.ask(page, "Count")
        page.wait("document.querySelector('.assistant .text')?.innerText.includes('One.')", "one")
        redis.kill()
        gate.set()
        page.wait("document.querySelector('.state')?.innerText.includes('kept in memory')",
                  "the page says that the answer waits", 60)
        self.assertIn("Two.", page.text(".assistant .text"))
        redis.start()
        session = page.url.rsplit("/", 1)[1]
        self.assertEqual(agent.call("GET", "/ready")[0], 200)
        self.assertEqual([m["content"] for m in agent.history(session)], ["Count", "One. Two."])

    def test_the_operators_page(self):
        reports = tempfile.mkdtemp(prefix="rage-views-reports-")
        self.addCleanup(shutil.rmtree, reports, True)
        report = {"questions": 2, "right": 0.5, "wrongFacts": 0.0, "results": [
            {"question": "Where?", "answer": EVIL, "right": False, "why": "not the room"},
            {"question": "When?", "answer": "At ten.", "right": True, "why": ""}]}
        with open(f"{reports}/dev.json", "w", encoding="utf-8") as file:
            json.dump(report, file)
        agent = self.agent("--admin", "--reports", reports)
        page = self.open(agent, "/operator", "document.querySelector('#indexes strong')")
        page.run("document.querySelector('#upload-index').value = 'notes'")
        many = [{"text": f"Note {i} about lighthouses.", "metadata": {"title": f"N{i}"}}
                for i in range(45)]
        page.drop("#drop", {"a.md": f"# {EVIL}\nLighthouses have lamps.", "b.bin": "\0\1",
                            "many.json": json.dumps({"documents": many})})
        page.wait("document.querySelector('#uploads').innerText.includes('many.json: 45 doc')",
                  "uploaded")
        self.assertIn("b.bin: this is no text", page.text("#uploads"))
        page.wait("document.querySelector('#indexes').innerText.includes('46 doc')", "counted")
        page.run("[...document.querySelectorAll('#indexes li')].find(li => "
                 "li.innerText.includes('notes')).querySelector('button').click()")
        page.wait("document.querySelector('#documents tbody tr')", "documents")
        page.click("#documents .pager button")
        page.wait("document.querySelector('.pager').innerText.includes('21 to 40 of 46')",
                  "the next page")
        page.run("document.querySelector('#retrieve-index').value = 'notes'")
        page.type("#retrieve-query", "lighthouses lamps" + ENTER)
        page.wait("document.querySelectorAll('#hits tbody tr').length === 5", "scores")
        page.type("#retrieve-filter", '{"title": "N7"}' + ENTER)
        page.wait("document.querySelectorAll('#hits tbody tr').length === 1", "a filter")
        page.click("#reports button")
        page.wait("document.querySelector('#report tbody')?.innerText.includes('not the room')",
                  "what was not right")
        page.run("const mode = document.querySelector('#policy select'); mode.value = 'strict';"
                 "mode.dispatchEvent(new Event('change'))")
        page.wait("document.querySelector('#policy').innerText.includes('Saved.')", "a policy")
        self.picture(page, "assistant-operator")
        self.assertEqual(page.violations(), [])
        for _ in ("delete", "yes, for good"):
            page.run("[...document.querySelectorAll('#indexes li')].find(li => "
                     "li.innerText.includes('notes')).querySelector('.danger').click()")
        page.wait("!document.querySelector('#indexes').innerText.includes('notes')", "deleted")
        self.assertIsNone(page.run("return window.pwned ?? null"))
        errors = [e for e in page.errors() if "guardrails" not in e]  # The service may have none.
        self.assertEqual(errors, [])

    def test_the_operators_page_is_for_this_machine_alone(self):
        agent = self.agent("--admin")
        for host, status in (("127.0.0.1", 200), ("evil.example", 403)):
            told = agent.call("GET", "/api/operator/rag/indexes", headers={"Host": host})
            self.assertEqual(told[0], status, told)
        plain = self.agent()
        self.assertEqual(plain.call("GET", "/api/operator/rag/indexes")[0], 404)
        with self.assertRaisesRegex(RuntimeError, "--admin has no login"):
            self.agent("--admin", "--address", "0.0.0.0")

    def test_another_conference_is_a_file(self):
        folder = tempfile.mkdtemp(prefix="rage-views-theme-")
        self.addCleanup(shutil.rmtree, folder, True)
        theme = {"title": "Beispieltage", "heading": "BEISPIELTAGE", "language": "de",
                 "logo": "logo.svg", "texts": "de.json", "examples": ["Was ist um zehn?"],
                 "colours": {"dark": {"accent": "#ffcc00", "accent-text": "#000000"}}}
        files = {"theme.json": json.dumps(theme),
                 "de.json": json.dumps({"send": "Senden", "emptyTitle": "Frag nach den Tagen"}),
                 "logo.svg": "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'>"
                             "<rect width='9' height='9' fill='#fc0'/></svg>"}
        for name, text in files.items():
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        page = self.open(self.agent("--theme", f"{folder}/theme.json"))
        self.assertEqual(page.run("return document.title"), "Beispieltage")
        self.assertEqual(page.run("return document.documentElement.lang"), "de")
        self.assertEqual((page.text("#home"), page.text("#send")), ("BEISPIELTAGE", "Senden"))
        self.assertIn("Frag nach den Tagen", page.text("#log"))
        self.assertEqual(page.text(".empty button"), "Was ist um zehn?")
        page.wait("document.querySelector('#logo').naturalWidth > 0", "the logo is shown")
        colour = "return getComputedStyle(document.querySelector('#send')).backgroundColor"
        page.run("if (document.documentElement.dataset.theme !== 'dark') "
                 "document.querySelector('#theme').click()")
        self.assertEqual(page.run(colour), "rgb(255, 204, 0)")
        self.assertEqual(page.violations(), [])
        page.click("#theme")
        self.assertNotEqual(page.run(colour), "rgb(255, 204, 0)")
        self.assertEqual(page.violations(), [])

    def test_hostile_texts_stay_texts(self):
        documents = [{"text": f"{EVIL} The falcon session is in Room 7.",
                      "metadata": {"title": f"Falcons {EVIL}", "description": EVIL,
                                   "speakers": [{"name": EVIL}], "location": f"Room 7 {EVIL}",
                                   "topic": EVIL, "date": "03/06/2026", "start": "10:00",
                                   "end": "11:00", "url": "javascript:window.pwned=1"}}]
        self.assertEqual(self.rag.index("evil", documents)[0], 200)
        page = self.open(self.agent(index="evil"), phone=True)
        Model.script = [says(EVIL)]
        page.run("document.querySelector('#modes input[value=compare]').click()")
        self.ask(page, f"Where is the falcon session? {EVIL}")
        page.wait("document.querySelector('.assistant footer')", "an answer")
        self.settled(page)
        self.assertEqual(page.violations(), [])
        self.assertTrue(page.run("return document.documentElement.scrollWidth <= innerWidth"))
        for chip in range(page.count(".assistant button.chip")):
            page.run("document.querySelectorAll('button.chip')[arguments[0]].click()", chip)
            page.press(ESCAPE)
        page.click("#view")
        page.wait("document.querySelector('#timetable .session-card')", "the timetable")
        page.type("#timetable-search", EVIL[:40])
        page.click("#view")
        self.assertIsNone(page.run("return window.pwned ?? null"))
        self.assertEqual(page.count("main script, main img, main iframe, main svg"), 0)
        self.assertEqual(page.count("a[href^='javascript'], a[href^='data']"), 0)
        asked = page.run("return performance.getEntriesByType('resource').map(r => r.name)")
        self.assertEqual([name for name in asked if "evil" in name], [])
        self.assertEqual(page.errors(), [])  # No report of the content security policy.

    def test_small_and_quick(self):
        agent = self.agent()
        sizes = {}
        for path in ("/", "/assets/app.js", "/assets/app.css", "/assets/theme.css",
                     "/assets/icon.svg"):
            connection = http.client.HTTPConnection("127.0.0.1", agent.port)
            connection.request("GET", path)
            sizes[path] = len(gzip.compress(connection.getresponse().read()))
            connection.close()
        self.assertLessEqual(sum(sizes.values()), 150_000, sizes)
        page = self.open(agent)
        page.wait("performance.getEntriesByName('first-contentful-paint').length", "painted")
        first = page.first_paint_ms()
        print(f"page: {sum(sizes.values())} bytes compressed, first paint {first:.0f} ms")
        self.assertLessEqual(first, float(os.environ.get("RAGE_FIRST_PAINT_MS", "3000")))


if __name__ == "__main__":
    unittest.main()
