"""The talk's own manifests, unchanged, on one machine: they become Ready, and the requests that the
talk's authors wrote down get the answers they are meant to get. Where that folder lies is told by
RAGE_DEMO_MANIFESTS, or it is found beside the checkout; without it there is nothing to run."""

import re
import sys
import unittest

import test_up
from test_up import EXAMPLE, ROOT

sys.path.insert(0, str(ROOT / "tests/operator"))
from children import demo_folder  # noqa: E402

DEMO = demo_folder()
PARTS = ("inference", "gateway", "ragengine", "chat/overlays/rag", "schedule", "o11y", "secrets")
# The one session of the schedule that is about KAITO.
TITLE = "RAGE Against the Machine"
ADDRESS = "https://www.socallinuxexpo.org/scale/23x/presentations/sample-rage-against-machine-"


def read_requests(path):
    """[(title, method, path, body)] of a file of requests; `< FILE` is the schedule's index."""
    requests = []
    for part in re.split(r"^### *", path.read_text(), flags=re.M)[1:]:
        title, _, rest = part.partition("\n")
        head, _, body = rest.partition("\n\n")
        method, target = head.split("\n")[0].split()
        body = body.strip()
        if body.startswith("<"):
            body = (EXAMPLE / "schedule_index.json").read_text()
        requests.append((title.strip(), method, target, body))
    return requests


@unittest.skipIf(DEMO is None, "the talk's manifests are not beside the checkout")
class Demo(test_up.Platform):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folders = [word for part in PARTS for word in ("-k", DEMO / part)]
        cls.up(*folders, "--wait", "0")
        needed = [word for part in PARTS[:4] for word in ("-k", DEMO / part)]
        cls.up(*needed, "--wait", "300")

    def test_4_what_cannot_run_here_says_so_at_once(self):
        """Six foreign programs of o11y: waiting five minutes for them would change nothing."""
        with self.assertRaisesRegex(AssertionError, "grafana.*cannot run here"):
            self.rage("up", "--data", self.data, "--port-base", self.port, "--detach",
                      "-k", DEMO / "o11y", "--wait", "300", timeout=90)

    def test_1_each_model_answers_behind_the_gateway(self):
        requests = read_requests(DEMO.parents[1] / "http-tests/gateway.http")
        self.assertEqual(len(requests), 3)
        for title, method, path, body in requests:
            with self.subTest(title):
                model = re.search(r'"model": "([^"]+)"', body).group(1)
                self.until_chat(path, model)
                status, told = self.ask("kaito-gateway-istio", path, body, method)
                self.assertEqual((status, told["model"]), (200, model), told)
                self.assertTrue(told["choices"][0]["message"]["content"])

    def test_2_the_rag_engine_does_what_is_documented(self):
        expected = {
            "Get the indexes": 200, "Create an index": 200, "Persist the index": 200,
            "Load the index": 409,  # It is there; `?overwrite=true` would replace it.
            "Get the documents the index": 200, "Delete index": 200, "Query the rag engine": 404,
        }
        requests = read_requests(DEMO.parents[1] / "http-tests/ragengine.http")
        direct = [each for each in requests if each[2] != "/rag/chat/completions"]
        self.assertEqual({each[0] for each in direct}, set(expected))
        for title, method, path, body in direct:
            with self.subTest(title):
                status, told = self.ask("scale23x", path, body, method)
                self.assertEqual(status, expected[title], told)
        # Top to bottom the file deletes the index before it asks; a person creates it again.
        self.index_schedule()
        _, method, path, body = next(each for each in requests if "Query" in each[0])
        status, told = self.ask("scale23x", path, body, method)
        self.assertEqual(status, 200, told)
        self.assertIn(TITLE, told["choices"][0]["message"]["content"])

    def test_3_questions_with_sources_go_through_the_gateway(self):
        requests = [each for each in read_requests(DEMO.parents[1] / "http-tests/ragengine.http")
                    if each[2] == "/rag/chat/completions"]
        self.assertEqual(len(requests), 2)
        said = []
        for _, method, path, body in requests:
            status, told = self.ask("kaito-gateway-istio", path, body, method)
            self.assertEqual(status, 200, told)
            said.append(told["choices"][0]["message"]["content"])
        self.assertIn(TITLE, said[0])
        self.assertIn(ADDRESS, said[1])


if __name__ == "__main__":
    unittest.main()
