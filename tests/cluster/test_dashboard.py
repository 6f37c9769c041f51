"""`rage dashboard` in a real Chromium: what a person sees of pods that run, and what nobody may."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import unittest

from embedded import BINARY, ROOT
from with_node import WithNode

sys.path.insert(0, str(ROOT / "tests/integration"))
from browser import CHROMIUM, DRIVER, ENTER, ESCAPE, TAB, Browser  # noqa: E402

HOSTILE = "<img src=x onerror=alert(1)>"


class Dashboard(WithNode):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dashboard = subprocess.Popen(
            [BINARY, "dashboard", "--kubeconfig", str(cls.cluster.folder / "kubeconfig")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.end_dashboard)
        cls.url = re.search(r"http://127[^ ]+", cls.dashboard.stdout.readline())[0].strip()
        cls.base, cls.key = cls.url.split("/#")

    @classmethod
    def end_dashboard(cls):
        cls.dashboard.send_signal(signal.SIGTERM)
        _, errors = cls.dashboard.communicate(timeout=30)
        if cls.dashboard.returncode != 0:
            raise AssertionError(f"rage dashboard ended with {cls.dashboard.returncode}:\n{errors}")

    def ask(self, path, key=None, method="GET"):
        headers = {"authorization": f"Bearer {key or self.key}"}
        request = urllib.request.Request(self.base + path, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def a_running_pod(self):
        self.apply(self.a_pod("shown", self.script(
            f"echo '{HOSTILE}'; exec {BINARY} sim-model --address 0.0.0.0 --port 5000 --model phi",
            ports=[{"containerPort": 5000}],
            readinessProbe={"httpGet": {"path": "/health", "port": 5000}, "periodSeconds": 1})))
        self.wait_ready("shown")

    def test_only_who_has_the_address_reads_and_nobody_writes(self):
        self.assertEqual(self.ask("/api/table?path=/api/v1/pods", key="wrong")[0], 401)
        self.assertEqual(self.ask("/api/usage", key="wrong")[0], 401)
        status, body = self.ask("/api/table?path=/api/v1/namespaces")
        self.assertEqual((status, json.loads(body)["kind"]), (200, "Table"))
        for path in ("/api/v1/secrets", "/api/v1/namespaces/default/secrets/a",
                     "/api/v1/watch/secrets", "/api/v1/nodes/local/proxy", "/version"):
            self.assertEqual(self.ask(f"/api/table?path={path}")[0], 403, path)
        self.assertEqual(self.ask("/api/table?path=/apis/none/v1/things")[0], 404)
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            self.assertEqual(self.ask("/api/table?path=/api/v1/pods", method=method)[0], 405)

    @unittest.skipUnless(CHROMIUM and DRIVER, "no chromium and chromedriver")
    def test_in_a_browser(self):
        self.a_running_pod()
        page = Browser()
        self.addCleanup(page.stop)
        page.go(self.url)
        page.wait("document.querySelector('#state').textContent === 'Live'", "it is drawn")
        page.wait("document.querySelector('#view').innerText.includes('shown')", "the pod is there")
        self.assertNotIn(self.key, page.url)  # Not for who looks over a shoulder.
        page.wait("[...document.querySelectorAll('td.number')]"
                  ".some((cell) => /^\\d+\\.\\d\\d$/.test(cell.innerText))", "its CPU is measured")
        self.assertRegex(page.text("#view"), r"\d+ MiB")
        self.assertEqual(page.violations(), [])
        # By keyboard alone: to the pods, into one, and out of it.
        page.run("[...document.querySelectorAll('#kinds button')]"
                 ".find((each) => each.textContent === 'pods').focus()")
        page.press(ENTER)
        page.wait("document.querySelector('#title').textContent === 'pods' && "
                  "document.querySelector('#view td button')", "the pods are listed")
        page.run("document.querySelector('#view td button').focus()")
        page.wait("document.activeElement.textContent === 'shown'", "the focus is on the pod")
        page.press(ENTER)
        page.wait("document.querySelector('#detail').open && "
                  "document.querySelector('#detail-body').innerText.includes('ContainersReady')",
                  "its conditions show")
        self.assertEqual(page.violations(), [])
        self.tab(page, "Logs")
        page.wait("document.querySelector('#detail-body pre')?.innerText.includes('onerror')",
                  "its log shows, as text")
        self.assertEqual(page.count("#detail-body img"), 0)
        self.tab(page, "YAML")
        page.wait("document.querySelector('#detail-body pre')?.innerText.includes('sim-model')",
                  "its YAML shows")
        self.assertNotIn("managedFields", page.text("#detail-body"))
        self.tab(page, "Events")
        page.wait("document.querySelector('#detail-body').innerText.includes('Started')",
                  "its events show")
        self.tab(page, "Metrics")
        page.wait("document.querySelectorAll('#detail-body tbody tr').length > 3",
                  "its metrics show")
        self.assertEqual(page.violations(), [])
        page.press(ESCAPE)
        page.wait("!document.querySelector('#detail').open", "Escape closes it")
        page.press(TAB)
        page.type("#filter", "nothing-is-called-this")
        page.wait("document.querySelector('#view').innerText.includes('None matches')", "filtered")
        self.assertEqual(page.errors(), [])

    def test_light_and_narrow(self):
        page = Browser(width=400, height=800, phone=True)
        self.addCleanup(page.stop)
        page.command("POST", "/goog/cdp/execute", {
            "cmd": "Emulation.setEmulatedMedia",
            "params": {"features": [{"name": "prefers-color-scheme", "value": "light"}]}})
        page.go(self.url)
        page.wait("document.querySelector('#state').textContent === 'Live'", "it is drawn")
        self.assertEqual(page.run("return getComputedStyle(document.body).backgroundColor"),
                         "rgb(247, 248, 250)")
        self.assertLessEqual(page.run("return document.documentElement.scrollWidth"), 400)
        self.assertEqual(page.violations(), [])

    def tab(self, page, name):
        page.run("[...document.querySelectorAll('#detail-body .tabs button')]"
                 ".find((each) => each.textContent === arguments[0]).click()", name)


if __name__ == "__main__":
    unittest.main()
