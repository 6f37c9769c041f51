"""The assistant's page: its routes in front of an agent, and the page itself in a real Chromium."""

import json
import os
import shutil
import tempfile
import threading
import unittest

from browser import CHROMIUM, DRIVER, ENTER, ESCAPE, TAB, Browser
from support import SCHEDULE, Service
from test_assistant import Assistant, Model, WithModel

SCREENSHOTS = os.environ.get("RAGE_SCREENSHOTS")  # A folder to keep pictures in.


def says(*sentences, gate=None):
    """A model's answer in pieces; it waits for `gate` after the first."""
    def step(handler, body):
        if not body.get("stream"):
            text = "".join(sentences)
            return handler.reply(200, {"model": "m-1", "choices": [{"message": {"content": text}}]})
        handler.begin_stream()
        try:
            for sentence in sentences:
                handler.say(sentence)
                if gate is not None:
                    gate.wait(30)
            last = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
            handler.wfile.write(f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode())
        except OSError:
            pass  # The reader left.
    return step


class Web(WithModel):
    """`rage assistant web` in front of `rage assistant`: two processes, as the demo has them."""

    def web(self, url):
        web = Assistant("web", "--port", "0", AGENT_SERVICE_URL=url)
        self.addCleanup(self._end, web)
        return web

    def test_the_demos_requests_through_the_page(self):
        agent = self.assistant()
        web = self.web(f"http://127.0.0.1:{agent.port}/")
        Model.script = [200]
        self.assertEqual(web.call("GET", "/")[0], 200)  # The demo's probe.
        status, reply = web.call("POST", "/api/chat", {"message": "Hi", "sessionId": "a b"})
        self.assertEqual((status, reply), (200, {"message": "You asked: Hi",
                                                 "agentName": "AI Agent", "sessionId": "a b"}))
        status, history = web.call("GET", "/api/chat/history/a%20b")
        self.assertEqual([m["content"] for m in history["messages"]], ["Hi", "You asked: Hi"])
        self.assertEqual(web.call("POST", "/api/chat", {"message": ""})[0], 400)
        self.assertEqual(web.call("GET", "/api/sessions")[1]["sessions"][0]["id"], "a b")
        self.assertEqual(web.call("PATCH", "/api/sessions/a%20b", {"title": "T"})[1]["title"], "T")
        status, file = web.call("GET", "/api/sessions/a%20b/export?format=markdown")
        self.assertTrue(file.startswith("# T"), file)
        self.assertEqual(web.call("DELETE", "/api/sessions/a%20b")[0], 204)
        # The agent has the same page and the same routes itself.
        self.assertEqual(agent.call("GET", "/")[1], web.call("GET", "/any-session")[1])
        self.assertEqual(agent.call("GET", "/api/sessions")[1]["sessions"], [])
        agent.kill()
        status, reply = web.call("POST", "/api/chat", {"message": "Hi"})
        self.assertEqual((status, reply["error"]), (500, "The agent cannot be reached"))

    def test_sentences_arrive_while_the_model_still_speaks(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        Model.script = [says("One. ", "Two. ", "Three.", gate=gate)]
        web = self.web(f"http://127.0.0.1:{self.assistant().port}")
        connection = web.connect()
        self.addCleanup(connection.close)
        connection.request("POST", "/api/chat/stream", json.dumps({"message": "Count"}))
        reply = connection.getresponse()
        self.assertEqual(reply.readline(), b"event: session\n")
        gate.set()
        self.assertIn("event: done", reply.read().decode())


@unittest.skipUnless(CHROMIUM and DRIVER, "no chromium and chromedriver")
class InABrowser(WithModel):
    def open(self, url, **window):
        browser = Browser(**window)
        self.addCleanup(browser.stop)
        browser.go(url)
        browser.wait("document.querySelector('#log').childElementCount", "the page is drawn")
        return browser

    def ask(self, browser, text):
        browser.type("#question", text + ENTER)

    def settled(self, browser):
        browser.wait("!document.querySelector('[aria-busy]') && "
                     "document.querySelector('#send').textContent === 'Send'", "the answer is over")

    def picture(self, browser, name):
        if SCREENSHOTS:
            browser.screenshot(f"{SCREENSHOTS}/{name}.png")

    def test_stops_retries_and_manages_conversations(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        agent = self.assistant()
        page = self.open(f"http://127.0.0.1:{agent.port}/")
        Model.script = [says("First. Sec", "ond. ", "Third.", gate=gate)]
        self.ask(page, "Count")
        page.wait("document.querySelector('.assistant .text')?.innerText.includes('First.')",
                  "the first sentence shows before the last is there")
        page.click("#send")
        self.settled(page)
        self.assertIn("You stopped this answer", page.text("#log"))
        gate.set()
        # A model that fails: the question stays, and Retry asks it again.
        Model.script = [400]
        self.ask(page, "And now?")
        page.wait("document.querySelector('.state.failed .retry')", "a failure offers Retry")
        Model.script = [says("Here **it** is.")]
        page.click(".state.failed .retry")
        page.wait("document.querySelector('.assistant:last-child strong')", "the retried answer")
        self.settled(page)
        self.assertEqual(page.count(".message.user"), 2)
        # An answer is copied, a question edited and asked anew.
        page.click(".assistant:last-child footer button")
        page.wait("document.querySelector('.assistant:last-child footer button').innerText !== "
                  "'Copy'", "Copy says what it did")
        page.click(".message.user:nth-last-child(2) footer button")
        self.assertEqual(page.run("return document.querySelector('#question').value"), "And now?")
        self.assertTrue(page.run("return document.activeElement.id === 'question'"))
        page.run("document.querySelector('#question').value = ''")
        # The address is the conversation's; a reload shows it.
        page.go(page.url)
        page.wait("document.querySelectorAll('.message.user').length === 2", "history is loaded")
        page.wait("document.querySelectorAll('#sessions .session').length === 1", "it is listed")
        page.click("#sessions .tools button")
        page.run("document.querySelector('.entry-form input').value = ''")
        page.type(".entry-form input", "My talk" + ENTER)
        page.wait("document.querySelector('#sessions .session')?.innerText === 'My talk'",
                  "renamed")
        page.type("#sessions-search", "nothing like it")
        page.wait("document.querySelector('#sessions-note').innerText.includes('No conversation')",
                  "search")
        page.run("const s = document.querySelector('#sessions-search'); s.value = '';"
                 "s.dispatchEvent(new Event('input'))")
        page.click("#sessions .tools button:last-child")
        page.click(".entry-form .danger")
        page.wait("document.querySelector('.empty') && location.pathname === '/'", "it is gone")
        self.assertEqual(agent.call("GET", "/sessions")[1]["sessions"], [])
        self.assertEqual([e for e in page.errors() if "Content Security" in e], [])

    def test_an_answer_says_under_which_trace_it_is_recorded(self):
        Model.script, Model.asked = [says("Here.")], []
        page = self.open(f"http://127.0.0.1:{self.assistant().port}/")
        self.ask(page, "Where?")
        self.settled(page)
        page.click("details summary")
        shown = page.run("return [...document.querySelectorAll('details dt')].find("
                         "name => name.innerText === 'Trace')?.nextSibling.innerText")
        sent = {name.lower(): value for name, value in Model.asked[-1][1].items()}["traceparent"]
        self.assertEqual(sent.split("-")[1], shown)

    def test_what_a_model_says_never_runs(self):
        agent = self.assistant()
        page = self.open(f"http://127.0.0.1:{agent.port}/")
        evil = ("<script>window.pwned=1</script><img src=x onerror='window.pwned=1'> "
                "[click](javascript:window.pwned=1) ![x](https://evil.example/leak) "
                "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>")
        Model.script = [says(evil)]
        self.ask(page, evil.replace("'", ""))
        page.wait("document.querySelector('.assistant footer')", "an answer")
        self.settled(page)
        self.assertIsNone(page.run("return window.pwned ?? null"))
        self.assertEqual(page.count("#log script, #log img, #log iframe"), 0)
        self.assertEqual(page.count("#log a[href^='javascript']"), 0)
        self.assertIn("<script>", page.text(".assistant .text"))
        self.assertEqual(page.errors(), [])  # No report of the content security policy, either.
        resources = page.run("return performance.getEntriesByType('resource').map(r => r.name)")
        self.assertTrue(all(f"127.0.0.1:{agent.port}/" in name for name in resources), resources)

    def test_a_phone_a_keyboard_and_no_connection(self):
        agent = self.assistant()
        page = self.open(f"http://127.0.0.1:{agent.port}/", width=360, height=740, phone=True)
        Model.script = [says("A table:\n\n| a | b | c |\n|-|-|-|\n| 1 | 2 | " + "x" * 200 + " |\n")]
        page.run("document.querySelector('#menu').focus()")
        page.press(ENTER)
        page.wait("document.activeElement.id === 'sessions-search'", "the list opens by key")
        page.press(ESCAPE)
        page.wait("document.activeElement.id === 'menu'", "Escape closes it and goes back")
        for _ in range(40):
            if page.run("return document.activeElement.id") == "question":
                break
            page.press(TAB)
        for key in "Table?":
            page.press(key)
        page.press(ENTER)
        page.wait("document.querySelector('.assistant table')", "an answer by keys alone")
        self.settled(page)
        wider = page.run("return document.documentElement.scrollWidth - innerWidth")
        self.assertEqual(page.violations(), [])
        self.assertLessEqual(wider, 0, "the page itself never scrolls sideways")
        page.offline(True)
        page.wait("document.querySelector('#notice').innerText.includes('offline')",
                  "offline shows")
        self.ask(page, "Still there?")
        page.wait("document.querySelector('.state.failed .retry')", "a lost question has Retry")
        page.offline(False)
        page.wait("document.querySelector('#notice').hidden", "online again")


@unittest.skipUnless(CHROMIUM and DRIVER, "no chromium and chromedriver")
class GroundedInABrowser(unittest.TestCase):
    """In front of the real RAG service: citations open their sources, and an honest no shows."""

    picture = InABrowser.picture

    def test_cites_opens_the_source_and_says_when_nothing_tells(self):
        folder = tempfile.mkdtemp(prefix="rage-web-")
        self.addCleanup(shutil.rmtree, folder, True)
        service = Service(folder + "/rag", "--answers", "extractive", embedder="hashing")
        self.addCleanup(service.stop)
        documents = json.loads(SCHEDULE.read_text())["documents"]
        self.assertEqual(service.index("schedule", documents)[0], 200)
        agent = Assistant("--data", folder, "--index", "schedule", "--model", "any",
                          "--base-url", f"{service.url}/v1")
        self.addCleanup(agent.stop)
        page = Browser(height=1000)
        self.addCleanup(page.stop)
        page.go(f"http://127.0.0.1:{agent.port}/")
        page.type("#question", "In which room is All Your Keyboards Are Belong To Us?" + ENTER)
        page.wait("document.querySelector('.assistant button.chip')", "a citation")
        self.assertIn("Taken from the sources", page.text(".assistant .badge"))
        page.click(".assistant button.chip")
        page.wait("document.querySelector('#source[open] mark')", "the source, words marked")
        self.assertIn("Ballroom C", page.text("#source-body"))
        marks = page.run("const all = document.querySelectorAll('#source mark');"
                         "return [...all].map(m => m.innerText)")
        self.assertTrue(any("Ballroom C" in mark for mark in marks), marks)
        self.picture(page, "assistant-source")
        self.assertEqual(page.violations(), [])
        page.press(ESCAPE)
        page.wait("!document.querySelector('#source[open]')", "Escape closes it")
        self.assertTrue(page.run("return document.activeElement.classList.contains('chip')"))
        page.click("#theme")
        page.type("#question", "When does Linus Torvalds speak?" + ENTER)
        page.wait("document.querySelector('.badge.silent')", "the sources do not tell")
        self.picture(page, "assistant")
        self.assertEqual(page.violations(), [])
        page.click("#theme")
        self.assertEqual(page.violations(), [])
        page.go(page.url)  # All of this is kept with the conversation.
        page.wait("document.querySelector('.assistant button.chip')", "citations after a reload")
        page.wait("document.querySelector('.badge.silent')", "the honest no after a reload")
        self.assertEqual(page.errors(), [])


if __name__ == "__main__":
    unittest.main()
