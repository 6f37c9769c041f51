"""The Helm chart: lint, what it renders (golden/, RAGE_WRITE_GOLDEN=1 writes it), what it refuses.

The golden files named after provisioners are also where tests/operator takes its rights from."""

import difflib
import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHART = ROOT / "deploy/charts/rage"
CACHE = Path(
    os.environ.get("RAGE_CACHE_DIR")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rage"
)
HELM = CACHE / "cluster/bin/helm"
KUBE_VERSION = ("--kube-version", "1.33.0")  # Without a cluster Helm has to be told.
WRITE = os.environ.get("RAGE_WRITE_GOLDEN") == "1"
GATES = [
    word
    for value in ("featureGates.gatewayAPIInferenceExtension",
                  "featureGates.enableMultiRoleInferenceController", "featureGates.ModelMirror",
                  "featureGates.ModelStreaming", "webhook.enabled")
    for word in ("--set", f"{value}=true")
]
CASES = {
    "byo": ("--set", "nodeProvisioner=byo", *GATES),
    "azure-gpu-provisioner": GATES,
    "karpenter": ("--set", "nodeProvisioner=karpenter", *GATES),
    "everything": ("--values", str(HERE / "everything.yaml")),
}


def helm(*arguments, check=True):
    done = subprocess.run([str(HELM), *arguments], capture_output=True, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"helm {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done


def template(*arguments, crds=False, check=True):
    return helm(
        "template", "rage", str(CHART), "--namespace", "kaito-workspace",
        *KUBE_VERSION, "--set", f"crds.install={str(crds).lower()}", *arguments, check=check,
    )


@unittest.skipUnless(HELM.exists(), "helm is not built: deps/fetch.sh e2e")
class Chart(unittest.TestCase):
    def test_lint(self):
        for name, arguments in CASES.items():
            with self.subTest(name):
                helm("lint", "--strict", *KUBE_VERSION, str(CHART), *arguments)

    def test_rendered_as_golden(self):
        for name, arguments in CASES.items():
            with self.subTest(name):
                got = template(*arguments).stdout
                path = HERE / "golden" / f"{name}.yaml"
                if WRITE:
                    path.write_text(got)
                want = path.read_text() if path.exists() else ""
                difference = "\n".join(difflib.unified_diff(
                    want.splitlines(), got.splitlines(), path.name, "now", lineterm=""
                ))
                self.assertEqual(difference, "", "RAGE_WRITE_GOLDEN=1 writes what is so now")

    # With a CRD, uninstalling would take every Workspace of the cluster.
    def test_crds_stay(self):
        text = template("--show-only", "templates/crds.yaml", crds=True).stdout
        names = re.findall(r"^  name: (\S+\.kaito\.sh)$", text, re.MULTILINE)
        there = sorted(path.stem for path in (ROOT / "deploy/crds").glob("*.yaml"))
        self.assertEqual(sorted(names), there)
        self.assertEqual(text.count("helm.sh/resource-policy: keep"), len(there))

    def test_what_cannot_work_is_refused(self):
        for wrong in (
            "nodeProvisioner=none", "replicaCount=-1", "replicas=2", "image.digest=latest",
            "featureGates.nope=true", "logging.level=loud", "webhook.port=80", "cloudProviderName=",
        ):
            with self.subTest(wrong):
                self.assertNotEqual(template("--set", wrong, check=False).returncode, 0)

    def test_a_digest_wins_over_a_tag(self):
        digest = "sha256:" + "0" * 64
        text = template("--set", f"image.digest={digest}", "--set", "image.tag=x").stdout
        self.assertIn(f"image: ghcr.io/rage/rage@{digest}", text)
        self.assertNotIn("ghcr.io/rage/rage:", text)

    def test_one_replica_has_no_budget_and_draining_works(self):
        self.assertNotIn("PodDisruptionBudget", template("--set", "replicaCount=1").stdout)


class Files(unittest.TestCase):
    # A role that may read every Secret is a key to the cluster.
    def test_no_role_reads_secrets_of_other_namespaces(self):
        for path in (HERE / "golden").glob("*.yaml"):
            for text in path.read_text().split("\n---\n"):
                if re.search(r"^kind: ClusterRole$", text, re.MULTILINE):
                    self.assertNotIn("secrets", text, path.name)
                    self.assertNotIn("*", text.replace("# ", ""), path.name)

    # A panel without data looks like a service without traffic.
    def test_dashboards_ask_for_metrics_that_exist(self):
        source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.cc"))
        known = set(re.findall(r'"([a-z0-9]+(?:_[a-z0-9]+)+)"', source))
        for path in (ROOT / "deploy/dashboards").glob("*.json"):
            dashboard = json.loads(path.read_text())
            asked = " ".join(
                target["expr"] for panel in dashboard["panels"] for target in panel["targets"]
            )
            names = set(re.findall(r"\b([a-z][a-z0-9_]*_[a-z0-9_]+)\{", asked))
            self.assertGreater(len(names), 3, path.name)
            for name in names:
                self.assertIn(re.sub(r"_(bucket|sum|count)$", "", name), known, path.name)


if __name__ == "__main__":
    if not HELM.exists():
        print("!!! SKIPPED: helm is not built: deps/fetch.sh e2e", file=sys.stderr)
    unittest.main()
