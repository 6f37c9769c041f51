"""An overlay must make the same objects here as on a cluster: `rage kustomize` against the real
`kubectl kustomize`, over the folders in kustomize/ and, if it is given, over the demo's."""

import os
import subprocess
import unittest
from pathlib import Path

from embedded import BINARY, KUBECTL

HERE = Path(__file__).parent / "kustomize"
DEMO = os.environ.get("RAGE_DEMO_MANIFESTS")


def folders():
    roots = [HERE, *([Path(DEMO)] if DEMO else [])]
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
        self.assertGreaterEqual(len(folders()), 6)
        for folder in folders():
            with self.subTest(folder=str(folder)):
                self.assertEqual(
                    documents(BINARY, "kustomize", folder), documents(KUBECTL, "kustomize", folder)
                )


if __name__ == "__main__":
    unittest.main()
