"""A headless Chromium, driven by chromedriver over W3C WebDriver."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER, ESCAPE, TAB, SHIFT = "\ue007", "\ue00c", "\ue004", "\ue008"
RIGHT, SPACE = "\ue014", " "
CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
CACHE = os.environ.get("RAGE_CACHE_DIR") or Path.home() / ".cache" / "rage"
AXE = Path(CACHE) / "axe" / "axe.min.js"


def start_driver(tries=3):
    """(process, port). It wants the port that it was given for IPv4 on IPv6, too, and ends where
    somebody else has got that in between."""
    said = ""
    for _ in range(tries):
        driver = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        for line in driver.stdout:
            said += line
            if "started successfully on port" in line:
                return driver, int(line.rstrip().rstrip(".").rsplit(" ", 1)[1])
        driver.wait()
        driver.stdout.close()
    raise RuntimeError(f"chromedriver did not start:\n{said}")


class Browser:
    """One window. `stop()` ends browser and driver."""

    def __init__(self, width=1280, height=800, phone=False):
        self.profile = tempfile.mkdtemp(prefix="rage-browser-")
        self.driver, port = start_driver()
        self.base = f"http://127.0.0.1:{port}"
        self.session = None
        try:
            self._open(width, height, phone)
        except BaseException:
            self.stop()
            raise

    def _open(self, width, height, phone):
        options = {
            "binary": CHROMIUM,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     f"--user-data-dir={self.profile}", f"--window-size={width},{height}",
                     "--disable-background-networking", "--no-first-run", "--lang=en"],
        }
        if phone:
            options["mobileEmulation"] = {"deviceMetrics": {"width": width, "height": height,
                                                            "pixelRatio": 2, "touch": True}}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                  "goog:loggingPrefs": {"browser": "ALL"}}
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{made['sessionId']}"

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].split("\n")[0]) from None

    def command(self, method, path, body=None):
        return self._call(method, self.session + path, body)

    def go(self, url):
        self.command("POST", "/url", {"url": url})

    @property
    def url(self):
        return self.command("GET", "/url")

    def run(self, script, *arguments):
        return self.command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css):
        return self.command("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css):
        self.command("POST", f"/element/{self.find(css)}/click", {})

    def type(self, css, text):
        self.command("POST", f"/element/{self.find(css)}/value", {"text": text})

    def press(self, key, held=""):
        """A key where the focus is, as a keyboard would."""
        actions = [{"type": kind, "value": value} for kind, value in
                   [*(("keyDown", k) for k in held), ("keyDown", key), ("keyUp", key),
                    *(("keyUp", k) for k in held)]]
        self.command("POST", "/actions",
                     {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def text(self, css):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? null", css)

    def count(self, css):
        return self.run("return document.querySelectorAll(arguments[0]).length", css)

    def wait(self, script, what, seconds=30):
        """Until the script is true."""
        end = time.monotonic() + seconds
        while not self.run("return Boolean(" + script + ")"):
            if time.monotonic() > end:
                page = self.run("return document.body.innerText")
                raise AssertionError(f"never: {what}; the page says:\n{page}")
            time.sleep(0.05)

    def offline(self, offline):
        condition = {"offline": offline, "latency": 0, "download_throughput": -1,
                     "upload_throughput": -1}
        self.command("POST", "/chromium/network_conditions", {"network_conditions": condition})

    def first_paint_ms(self):
        """When the first words of the page were there, after it was asked for."""
        return self.run("return performance.getEntriesByName("
                        "'first-contentful-paint')[0]?.startTime")

    def drop(self, css, files):
        """{name: text} dropped on an element, as from the desktop."""
        self.run("const data = new DataTransfer();"
                 "for (const [name, text] of Object.entries(arguments[1]))"
                 "  data.items.add(new File([text], name));"
                 "const on = document.querySelector(arguments[0]);"
                 "for (const kind of ['dragover', 'drop'])"
                 "  on.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true,"
                 "                                        cancelable: true}));", css, files)

    def errors(self):
        """What went wrong in the page since the last call: its console's errors."""
        log = self.command("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]

    def violations(self):
        """What axe-core finds wrong with what is shown (WCAG 2.2 A and AA), as "rule: element"."""
        rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        self.run(AXE.read_text())
        found = self.command("POST", "/execute/async", {
            "script": "axe.run(document, {runOnly: arguments[0]}).then(arguments[1])",
            "args": [rules]})["violations"]
        return [f"{rule['id']}: {node['html']} {node['failureSummary']}"
                for rule in found for node in rule["nodes"]]

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.command("GET", "/screenshot")))

    def stop(self):
        try:
            if self.session:
                self.command("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=30)
            self.driver.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)
