"""manifests/*.yaml, one a documented use, under a real Kubernetes with fake GPU nodes: each becomes
Ready, and what the operator made of it is what golden/ says (RAGE_WRITE_GOLDEN=1 writes it)."""

import difflib
import os
import re
import time
import unittest
from pathlib import Path

import golden
from support import (
    ALL_GATES, OUR_KINDS, READY, ClusterTest, NodeProvisioner, create_nodes, fake_node, is_ready,
    need_crds, need_operator,
)

HERE = Path(__file__).resolve().parent
WRITE = os.environ.get("RAGE_WRITE_GOLDEN") == "1"
ONLY = os.environ.get("RAGE_MANIFESTS", "")  # A regular expression, for one at a time.

TRAINING = """training_config:
  ModelConfig: {{torch_dtype: bfloat16, device_map: auto}}
  QuantizationConfig: {{load_in_4bit: {bits}}}
  LoraConfig: {{r: 8, lora_alpha: 8, lora_dropout: 0.0}}
  TrainingArguments: {{output_dir: /mnt/results, save_strategy: "no"}}
"""


class Manifest:
    """A file and what its header says: provisioner, gates, nodes, ready."""

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        self.namespace = f"m-{path.stem}"
        lines = re.findall(r"^# (\w+): (.*)$", path.read_text(), re.MULTILINE)
        head = dict(lines)
        self.provisioner = head["provisioner"]
        self.gates = head.get("gates", "")
        self.awaited = head.get("ready") != "no"
        self.nodes = []
        for key, text in lines:
            if key == "nodes":
                self.nodes += self._nodes(text)
        self.documents = []

    def _nodes(self, text):
        first = len(self.nodes)
        count, instance_type, *words = text.split()
        labels = dict(word.split("=", 1) for word in words if not word.startswith("mig:"))
        mig = dict(word[4:].split("=", 1) for word in words if word.startswith("mig:"))
        return [
            fake_node(f"{self.name}-{number}", instance_type, labels, mig=mig)
            for number in range(first, first + int(count))
        ]

    def owners(self):
        return [each for each in self.documents if each["kind"] in OUR_KINDS]


MANIFESTS = [
    manifest
    for path in sorted((HERE / "manifests").glob("*.yaml"))
    if re.search(ONLY, path.stem)
    for manifest in [Manifest(path)]
]


def config_map(name, key, text):
    return {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {key: text},
    }


class Manifests:
    """Everything is applied at once and waited for once; then each is looked at."""

    provisioner = ""
    gates = ""  # Beside ALL_GATES; the last word on a gate counts.
    flags = ()
    audit = True

    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        wanted = (cls.provisioner, cls.gates)
        cls.manifests = [each for each in MANIFESTS if (each.provisioner, each.gates) == wanted]
        if not cls.manifests:
            raise unittest.SkipTest("none chosen")
        super().setUpClass()
        cls._prepare()
        read = cls.cluster.read_manifests([each.path for each in cls.manifests])
        for manifest in cls.manifests:
            manifest.documents = read[manifest.path]
        gates = ",".join(filter(None, (ALL_GATES, cls.gates)))
        cls.run_operator(provisioner=cls.provisioner, flags=("--feature-gates", gates))
        begun = time.monotonic()
        cls.cluster.apply_all(
            (manifest.namespace, document)
            for manifest in cls.manifests
            for document in manifest.documents
        )
        cls._wait()
        print(f"{len(cls.manifests)} manifests in {time.monotonic() - begun:.1f} s", flush=True)

    @classmethod
    def _prepare(cls):
        """What an installation has: the chart's storage class and templates, nodes."""
        api = cls.api
        api.apply({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": "kaito-local-nvme-disk"},
            "provisioner": "localdisk.csi.acstor.io", "volumeBindingMode": "WaitForFirstConsumer",
        })
        templates = (("lora-params-template", "false"), ("qlora-params-template", "true"))
        cls.cluster.apply_all(
            ("kaito-workspace", config_map(name, "training_config.yaml", TRAINING.format(bits=b)))
            for name, b in templates
        )
        nodes = [fake_node("services", "Standard_D8s_v5", {"role": "services"})]
        for manifest in cls.manifests:
            nodes += manifest.nodes
        create_nodes(api, {node["metadata"]["name"]: node for node in nodes}.values())
        if cls.provisioner != "byo":
            cls.addClassCleanup(NodeProvisioner(cls.cluster.folder).start().stop)

    @classmethod
    def _wait(cls, seconds=120):
        """Until all are Ready and nothing changes any more, or time is up."""
        deadline, before = time.monotonic() + seconds, None
        kinds = {owner["kind"] for each in cls.manifests for owner in each.owners()}
        while True:
            now = {
                (found["kind"], found["metadata"]["namespace"], found["metadata"]["name"]): found
                for kind in kinds
                for found in cls._list(kind)
            }
            cls.found = now
            versions = {key: each["metadata"]["resourceVersion"] for key, each in now.items()}
            ready = all(is_ready(found) for each in cls.manifests for found in cls._awaited(each))
            if (ready and versions == before) or time.monotonic() > deadline:
                break
            before = versions
            time.sleep(0.5)
        cls.children = {}
        for kind in golden.CHILD_KINDS:
            for child in cls._list(kind):
                cls.children.setdefault(golden.namespace_of(child), []).append(child)

    @classmethod
    def _list(cls, kind):
        """Lists leave out the items' kind."""
        for item in cls.api.list(kind):
            base = cls.api.path(kind).split("/")
            version = "/".join(base[2:-1]) if base[1] == "apis" else base[2]
            item["metadata"].setdefault("namespace", "")
            yield {"apiVersion": version, "kind": kind, **item}

    @classmethod
    def _awaited(cls, manifest):
        return [cls._current(manifest, owner) for owner in manifest.owners() if manifest.awaited]

    @classmethod
    def _current(cls, manifest, owner):
        namespace = "" if owner["kind"] == "ModelMirror" else manifest.namespace
        return cls.found[owner["kind"], namespace, owner["metadata"]["name"]]

    def test_all_become_ready(self):
        for manifest in self.manifests:
            with self.subTest(manifest.name):
                for found in self._awaited(manifest):
                    told = "\n".join(
                        f"  {each['type']}={each['status']} {each['reason']}: {each['message']}"
                        for each in found.get("status", {}).get("conditions", [])
                    )
                    self.assertTrue(
                        is_ready(found),
                        f"{found['kind']} is not {' or '.join(READY[found['kind']])}:\n{told}",
                    )

    def test_the_charts_rights_suffice(self):
        self.assertEqual(self.cluster.refused(), set())

    def test_children_are_as_golden(self):
        for manifest in self.manifests:
            with self.subTest(manifest.name):
                owners = [self._current(manifest, each) for each in manifest.owners()]
                got = golden.render(owners, self.children.get(manifest.namespace, []))
                path = HERE / "golden" / f"{manifest.name}.yaml"
                if WRITE:
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(got)
                want = path.read_text() if path.exists() else ""
                difference = "\n".join(difflib.unified_diff(
                    want.splitlines(), got.splitlines(), f"golden/{path.name}", "now", lineterm=""
                ))
                self.assertEqual(difference, "", "RAGE_WRITE_GOLDEN=1 writes what is so now")


class BringYourOwn(Manifests, ClusterTest):
    provisioner = "byo"


class NodeClaims(Manifests, ClusterTest):
    provisioner = "azure-gpu-provisioner"


class Karpenter(Manifests, ClusterTest):
    provisioner = "karpenter"


class Streaming(Manifests, ClusterTest):
    provisioner = "byo"
    gates = "ModelStreaming=true"


class StreamingClaims(Manifests, ClusterTest):
    provisioner = "azure-gpu-provisioner"
    gates = "ModelStreaming=true"


class NoPool(Manifests, ClusterTest):
    provisioner = "byo"
    gates = "gatewayAPIInferenceExtension=false"


class Goldens(unittest.TestCase):
    def test_every_manifest_is_run(self):
        run = {(each.provisioner, each.gates) for each in Manifests.__subclasses__()}
        left = [each.name for each in MANIFESTS if (each.provisioner, each.gates) not in run]
        self.assertEqual(left, [])

    def test_no_golden_file_is_left_over(self):
        names = {path.name for path in (HERE / "manifests").glob("*.yaml")}
        left = [path.name for path in (HERE / "golden").glob("*.yaml") if path.name not in names]
        self.assertEqual(left, [])

    def test_what_is_documented_is_shown(self):
        self.assertGreaterEqual(len(list((HERE / "manifests").glob("*.yaml"))), 60)
        for path in (HERE / "manifests").glob("*.yaml"):
            self.assertRegex(path.read_text(), r"\A# \S.*\.\n# provisioner: ", path.name)


if __name__ == "__main__":
    unittest.main()
