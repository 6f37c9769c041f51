"""An overlay must make the same objects here as on a cluster: `rage kustomize` against the real
`kubectl kustomize`, over the folders in kustomize/, the example's and, if it is there, the
demo's."""

import subprocess
import sys
import unittest
from pathlib import Path

from embedded import BINARY, KUBECTL, ROOT

sys.path.insert(0, str(ROOT / "tests/operator"))
from children import EXAMPLE, demo_folder  # noqa: E402

HERE = Path(__file__).parent / "kustomize"


def folders():
    roots = [HERE, EXAMPLE, *filter(None, [demo_folder()])]
    found = [file for root in roots for file in root.rglob("kustomization.yaml")]
    return sorted(file.parent for file in found if "kind: Component" not in file.read_text())


def documents(*command):
    """The YAML documents of its output, in any order: both write keys sorted."""
    told = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    if told.returncode != 0:
        raise AssertionError(f"{command}: {told.stderr}")
    return sorted(told.stdout.split("---\n"))


class Kustomize(unittest.TestCase):
    maxDiff = None

    def test_same_objects_as_kubectl(self):
        self.assertGreaterEqual(len(folders()), 14)
        for folder in folders():
            with self.subTest(folder=str(folder)):
                self.assertEqual(
                    documents(BINARY, "kustomize", folder), documents(KUBECTL, "kustomize", folder)
                )


if __name__ == "__main__":
    unittest.main()
