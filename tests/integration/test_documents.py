"""`rage index` on a folder of many kinds of files, and how the service cuts them into rows."""

import json
import os
import subprocess
import tempfile
import unittest
import zipfile
from pathlib import Path

from support import ROOT, Service
from test_cli import rage

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def word_document(path, body):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
        )


def paragraph(text):
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def pdf(text):
    """A page with one line, and a table of offsets that is right."""
    content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    xref = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n"
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % xref


PYTHON = "import os\n\n\nclass Pool:\n" + "".join(
    f"    # Takes {i}.\n    def take{i}(self):\n        self.used += {i}\n        return self\n\n"
    for i in range(60)
)


class Images(unittest.TestCase):
    # An AutoIndexer runs in a pod, where nothing can be installed.
    @unittest.skipUnless(os.geteuid() == 0, "needs chroot, and that needs root")
    def test_what_reads_pdf_files_is_complete_in_an_image(self):
        with tempfile.TemporaryDirectory() as root:
            script = 'source deps/lib.sh; source deploy/images/rootfs.sh; add_pdf "$1"'
            subprocess.run(["bash", "-euo", "pipefail", "-c", script, "bash", root],
                           cwd=ROOT, check=True)
            read = subprocess.run(["/usr/bin/pdftotext", "-enc", "UTF-8", "-", "-"],
                                  input=pdf("Delta is the fourth letter"), capture_output=True,
                                  cwd="/", preexec_fn=lambda: os.chroot(root))
        self.assertEqual(read.stdout.split(b"\n")[0], b"Delta is the fourth letter", read.stderr)


class Documents(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.files = Path(folder.name) / "files"
        self.files.mkdir()
        self.data = Path(folder.name) / "data"
        self.service = Service(self.data, "--chunk-tokens", "64", embedder="hashing")
        self.addCleanup(lambda: self.service.kill())

    def run_index(self, *flags, environment=None):
        return rage(
            "index", "files", str(self.files), "--json", "--server", self.service.url, *flags,
            environment=environment,
        )

    def rows(self, name="files"):
        _, page = self.service.call(
            "GET", f"/indexes/{name}/documents?limit=100&max_text_length=100000"
        )
        return page["documents"]

    # One broken file of a folder of thousands must neither stop the others nor go unnoticed.
    def test_a_folder_of_everything(self):
        (self.files / "a.md").write_text("# Alpha\n\nFirst letter.\n")
        (self.files / "b.html").write_text(
            "<title>Beta</title><nav>Home</nav><main><h1>Second</h1><table><tr><th>a</th><th>b</th>"
            "</tr><tr><td>1</td><td>2</td></tr></table><script>no()</script></main>"
        )
        (self.files / "c.py").write_text(PYTHON)
        (self.files / "d.pdf").write_bytes(pdf("Delta is the fourth letter"))
        word_document(self.files / "e.docx", paragraph("Epsilon is the fifth."))
        (self.files / "f.pdf").write_bytes(b"%PDF-1.4\nnothing of the kind")
        word_document(self.files / "g.docx", "<w:p>")
        word_document(self.files / "h.docx", paragraph("a" * (70 << 20)))
        (self.files / "i.png").write_bytes(b"\x89PNG")
        (self.files / "j.txt").write_text("\n")
        done = self.run_index()
        self.assertEqual(done.returncode, 3, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["documents"], report["missed"]), (5, 3), done.stderr)
        reasons = {Path(s["path"]).name: s["reason"] for s in report["skipped"]}
        self.assertEqual(sorted(reasons), ["f.pdf", "g.docx", "h.docx", "i.png", "j.txt"])
        self.assertIn("Syntax Error", reasons["f.pdf"])
        self.assertIn("damaged", reasons["g.docx"])
        self.assertIn("larger than 64 MiB", reasons["h.docx"])
        for path, reason in reasons.items():
            self.assertIn(f"{path}: {reason}", done.stderr)
        texts = {}
        for row in self.rows():
            texts.setdefault(Path(row["metadata"]["file_path"]).name, []).append(row["text"])
        self.assertEqual(texts["b.html"], ["# Second\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"])
        self.assertEqual(texts["d.pdf"], ["Delta is the fourth letter"])
        self.assertEqual(texts["e.docx"], ["Epsilon is the fifth."])
        self.assertGreater(len(texts["c.py"]), 5)
        for i in range(60):
            whole = f"# Takes {i}.\n    def take{i}(self):\n        self.used += {i}\n"
            self.assertTrue(any(whole in text for text in texts["c.py"]), i)

    def test_a_converter_that_hangs_or_is_not_there(self):
        (self.files / "a.pdf").write_bytes(pdf("Alpha"))
        (self.files / "b.txt").write_text("Beta")
        tools = self.files.parent / "tools"
        tools.mkdir()
        absent = self.run_index(environment={"PATH": str(tools)})
        self.assertEqual(absent.returncode, 3, absent.stderr)
        self.assertIn("poppler-utils", absent.stderr)
        hanging = tools / "pdftotext"
        hanging.write_text("#!/bin/sh\nexec sleep 600\n")
        hanging.chmod(0o755)
        late = self.run_index(
            "--convert-timeout", "1", environment={"PATH": f"{tools}:{os.environ['PATH']}"}
        )
        self.assertEqual(late.returncode, 3, late.stderr)
        self.assertIn("longer than 1 s", late.stderr)
        self.assertEqual(json.loads(late.stdout)["documents"], 1)

    # Over HTTP: the errors of the original, and the same rows after a restart.
    def test_code_by_its_metadata(self):
        for metadata, detail in (
            ({"split_type": "code"}, "Language not specified in node metadata."),
            (
                {"split_type": "code", "language": "klingon"},
                "Could not find language library for klingon",
            ),
        ):
            status, body = self.service.index("code", [{"text": "x", "metadata": metadata}])
            self.assertEqual((status, body), (500, {"detail": detail}))
        self.assertEqual(self.service.call("GET", "/indexes"), (200, []))
        document = {"text": PYTHON, "metadata": {"split_type": "code", "language": "python"}}
        status, stored = self.service.index("code", [document])
        self.assertEqual(status, 200, stored)
        before = [row["text"] for row in self.rows("code")]
        self.service.kill()
        self.service = Service(self.data, "--chunk-tokens", "64", embedder="hashing")
        self.assertEqual([row["text"] for row in self.rows("code")], before)
        changed = {**document, "doc_id": stored[0]["doc_id"], "text": "x = 1"}
        again = {**document, "doc_id": stored[0]["doc_id"]}
        for one in (changed, again):
            status, reply = self.service.call(
                "POST", "/indexes/code/documents", {"documents": [one]}
            )
            self.assertEqual((status, len(reply["updated_documents"])), (200, 1), reply)
        self.assertEqual([row["text"] for row in self.rows("code")], before)


if __name__ == "__main__":
    unittest.main()
