"""The talk on a real cluster without GPUs: what examples/scale23x/README.md tells a person to do,
and the five demos of talk.sh against it.

RAGE_E2E_KEEP=1 and RAGE_E2E_CLUSTER=FOLDER as in test_e2e.py."""

import os
import re
import subprocess
import unittest
from pathlib import Path

from node_cluster import CACHE, ROOT, installed_cluster, local_volume, timed

EXAMPLE = ROOT / "examples/scale23x"
BINARY = Path(os.environ.get("RAGE_BUILD") or ROOT / "build/release") / "rage"
NAMESPACE = "default"
KUBECTL = CACHE / "cluster/bin/kubectl"


class Talk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = installed_cluster(cls)
        cls.environment = {
            **os.environ, "RAGE": str(BINARY), "KUBECONFIG": str(cls.cluster.folder / "kubeconfig"),
        }
        # The node has no provisioner of volumes; the assistant's claim takes this one.
        cls.cluster.api.apply(local_volume("agent", cls.cluster.folder / "agent-volume"))

    def command(self, *words, timeout=400):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                              timeout=timeout, env=self.environment, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            self.fail(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}\n"
                      f"{self.cluster.explain(NAMESPACE)}")
        return done.stdout

    def test_1_the_example_becomes_ready(self):
        with timed("rage apply -k manifests/cpu --wait"):
            self.command(BINARY, "apply", "-k", EXAMPLE / "manifests/cpu", "--wait", "300")
        for what in ("inferenceset/phi-4-mini-instruct", "inferenceset/gemma-3-27b-instruct",
                     "ragengine/scale23x"):
            self.command(BINARY, "wait", what, "--timeout", "60s")
        told = self.command(BINARY, "doctor")
        self.assertIn("well", told)

    def test_2_all_five_demos(self):
        with timed("talk.sh"):
            told = self.command(EXAMPLE / "talk.sh")
        demos = re.split(r"\x1b\[1m\d\. ", told)[1:]
        print("".join(f"           {line}\n" for line in told.splitlines()), flush=True)
        self.assertEqual(len(demos), 5, told)
        endpoint, routed, direct, rag, grounded = demos
        self.assertIn("phi-4-mini-instruct", endpoint)
        self.assertEqual(routed.split("\n")[1:3], ["phi-4-mini-instruct", "gemma-3-27b-instruct"])
        self.assertNotIn("Burke Libbey", direct, "nothing tells the model alone")
        for answer in (rag, grounded):
            self.assertIn("Burke Libbey", answer)
            self.assertIn("Room 101", answer)
        self.assertIn("Torvalds", grounded)
        self.assertNotRegex(grounded.split("Torvalds")[-1], r"\d:\d\d")

    def test_3_from_a_machine_that_does_not_reach_services(self):
        """Given again, through port-forwards; nothing of them is left running."""
        self.environment["FORWARD"] = "1"
        self.environment["PATH"] = f"{KUBECTL.parent}:{os.environ['PATH']}"
        with timed("talk.sh through kubectl port-forward"):
            told = self.command(EXAMPLE / "talk.sh")
        self.assertEqual(told.count("Burke Libbey"), 2, told)
        left = subprocess.run(["pgrep", "-af", "kubectl port-forward -n default"],
                              capture_output=True, text=True)
        self.assertEqual(left.stdout, "")


if __name__ == "__main__":
    unittest.main()
