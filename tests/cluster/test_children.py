"""The talk's manifests, unchanged, on `rage apiserver` with `rage controllers` and `rage operator`:
the same children, names included, as tests/operator/golden/children-*.jsonl keeps from the real
Kubernetes (test_demo.py there). What differs must be in child_differences.json, with the reason.
RAGE_LIST_DIFFERENCES=1 prints all that differ."""

import json
import os
import re
import sys
import time
import unittest
from pathlib import Path

import test_conformance
import test_workloads
from embedded import CACHE
from test_operator import EmbeddedCluster

import children  # of tests/operator, as test_operator says
import support

DIFFERENCES = Path(__file__).resolve().parent / "child_differences.json"


class Platform(EmbeddedCluster):
    """With controllers, a thread that plays the node, and the operator."""

    def __init__(self, test):
        super().__init__()
        test.addCleanup(self.stop)
        self.kubectl("apply", "--server-side", "-f", CACHE / "cluster/crds/gateway")
        controllers = test_workloads.Controllers(self)
        test.addCleanup(controllers.stop)
        node = test_workloads.Node(self.api)
        node.start()
        test.addCleanup(node.stop)
        operator = support.Operator(self, provisioner="azure-gpu-provisioner").start()
        test.addCleanup(operator.stop)


class ChildrenTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        support.need_operator()
        cls.rules = json.loads(DIFFERENCES.read_text())
        cls.used = set()

    def unjustified(self, real, ours):
        """What differs and has no reason; the reasons that were needed go to `used`."""
        left = []
        for key in sorted({*real, *ours}):
            for path, theirs, mine in test_conformance.differences(real.get(key), ours.get(key)):
                rule = next((each for each in self.rules
                             if re.fullmatch(each["child"], key)
                             and re.fullmatch(each["path"], path)), None)
                if rule:
                    self.used.add(rule["why"])
                else:
                    left.append(f"{key} {path}\n    real {json.dumps(theirs)[:300]}"
                                f"\n    ours {json.dumps(mine)[:300]}")
        return left

    def compare(self, name):
        folders = children.sets().get(name)
        if not folders:
            support.skip_loudly("RAGE_DEMO_MANIFESTS names no folder with manifests")
        cluster = Platform(self)
        children.apply(cluster, children.built(cluster, folders))
        real, deadline = children.recorded(name), time.monotonic() + 90
        while True:
            left = self.unjustified(real, children.collected(cluster.api))
            if not left or time.monotonic() > deadline:
                break
            time.sleep(1)
        if os.environ.get("RAGE_LIST_DIFFERENCES"):
            print("\n".join(left))
        print(f"{name}: {len(real)} children on the real one", file=sys.stderr)
        self.assertEqual(left[:20], [], f"{len(left)} differences")

    def test_1_of_the_example(self):
        self.compare("example")

    def test_2_of_the_demo(self):
        self.compare("demo")

    def test_3_no_reason_is_left_over(self):
        if len(children.sets()) == 2:
            left = [each["why"] for each in self.rules if each["why"] not in self.used]
            self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
