"""The service against its own description: schemathesis sends what /openapi.json allows and more.

No request may get a 5xx, a status that is not described, or a body of another shape.
RAGE_SCHEMA_CASES sets how many cases each operation gets when there is time (110: over 2,000)."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import BINARY, ServiceTest

TOOL = Path(os.environ.get("RAGE_CACHE_DIR", Path.home() / ".cache/rage")) / "tools/schema/bin"
CASES = os.environ.get("RAGE_SCHEMA_CASES", "6")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,unsupported_method,"
    "allow_header_conformance"
)


@unittest.skipUnless((TOOL / "schemathesis").exists(), "make deps fetches schemathesis")
class Schema(ServiceTest):
    embedder = "hashing"

    @classmethod
    def setUpClass(cls):
        cls.model = subprocess.Popen(
            [BINARY, "sim-model", "--port", "0", "--time-scale", "20"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        url = cls.model.stdout.readline().split()[-1]
        cls.flags = ("--llm-url", url + "/v1/chat/completions")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.model.terminate()
            cls.model.communicate(timeout=60)

    def test_every_reply_is_as_described(self):
        self.service.index("i", [{"text": "one apple", "metadata": {"n": 1}}])
        with tempfile.TemporaryDirectory(prefix="rage-schema-") as folder:
            report = Path(folder) / "report.ndjson"
            run = subprocess.run(
                [
                    str(TOOL / "schemathesis"), "run", self.service.url + "/openapi.json",
                    "--checks", CHECKS, "--max-examples", CASES, "--seed", "1", "--no-shrink",
                    "--continue-on-failure", "--phases", "examples,coverage,fuzzing",
                    "--suppress-health-check", "all", "--warnings", "off",
                    "--report", "ndjson", "--report-ndjson-path", str(report),
                ],
                cwd=folder, text=True, capture_output=True, timeout=1800, check=False,
                env={**os.environ, "NO_COLOR": "1"},
            )  # fmt: skip
            cases = report.read_text().count('"status_code"')
        if os.environ.get("RAGE_SCHEMA_CASES"):
            print(run.stdout[-3000:])
        self.assertEqual(run.returncode, 0, run.stdout[-6000:] + run.stderr[-2000:])
        self.assertGreater(cases, 100)
        status, page = self.service.call("GET", "/indexes/i/documents")
        self.assertIn(status, (200, 404))
        self.assertTrue(json.dumps(page))


if __name__ == "__main__":
    unittest.main()
