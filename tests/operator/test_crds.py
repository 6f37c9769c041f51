"""The CRDs under a real API server: established, with defaults, and refusing what they must."""

import unittest
from pathlib import Path

from support import CRDS, OUR_KINDS, PLURALS, ApiError, ClusterTest, need_crds

HERE = Path(__file__).resolve().parent


def merge(base, change):
    """A copy of `base` with `change` merged in; None removes."""
    if not isinstance(change, dict) or not isinstance(base, dict):
        return change
    result = dict(base)
    for key, value in change.items():
        result[key] = merge(base.get(key, {}), value)
        if value is None:
            del result[key]
    return result


def workspace(change=None, version="v1beta1"):
    return merge({
        "apiVersion": f"kaito.sh/{version}", "kind": "Workspace", "metadata": {"name": "w"},
        "resource": {"labelSelector": {"matchLabels": {"apps": "w"}}},
        "inference": {"preset": {"name": "phi-4"}},
    }, change or {})


def inference_set(change=None, version="v1beta1"):
    return merge({
        "apiVersion": f"kaito.sh/{version}", "kind": "InferenceSet", "metadata": {"name": "s"},
        "spec": {
            "labelSelector": {"matchLabels": {"apps": "s"}},
            "template": {"inference": {"preset": {"name": "phi-4"}}},
        },
    }, change or {})


def rag_engine(change=None, version="v1beta1"):
    return merge({
        "apiVersion": f"kaito.sh/{version}", "kind": "RAGEngine", "metadata": {"name": "r"},
        "spec": {
            "embedding": {"local": {"modelID": "BAAI/bge-small-en-v1.5"}},
            "inferenceService": {"url": "http://phi-4/v1", "contextWindowSize": 4096},
        },
    }, change or {})


def model_mirror(change=None):
    return merge({
        "apiVersion": "kaito.sh/v1alpha1", "kind": "ModelMirror", "metadata": {"name": "m"},
        "spec": {
            "source": {"registry": "huggingface", "modelID": "microsoft/phi-4"},
            "storage": {"size": "10Gi", "storageClassName": "fake"}, "jobNamespace": "default",
        },
    }, change or {})


def multi_role(change=None):
    return merge({
        "apiVersion": "kaito.sh/v1alpha1", "kind": "MultiRoleInference", "metadata": {"name": "i"},
        "spec": {
            "labelSelector": {"matchLabels": {"apps": "i"}}, "model": {"name": "phi-4"},
            "roles": [{"type": "prefill"}, {"type": "decode"}],
        },
    }, change or {})


SPEC = "spec"
# What is refused at creation: why a user would otherwise be surprised.
REFUSED = {
    "partition without a mode": workspace({"resource": {"partition": {"count": 1}}}),
    "unknown partition mode": workspace({"resource": {"partition": {"mode": "half"}}}),
    "partition of no GPU": workspace(
        {"resource": {"partition": {"mode": "accelerator", "count": 0}}}
    ),
    "unknown access mode": workspace({"inference": {"preset": {"accessMode": "secret"}}}),
    "preset without a name": workspace({"inference": {"preset": {"name": None}}}),
    "count that is no number": workspace({"resource": {"count": "two"}}),
    "no label selector": workspace({"resource": {"labelSelector": None}}),
    "negative replicas": inference_set({SPEC: {"replicas": -1}}),
    "set without a selector": inference_set({SPEC: {"labelSelector": None}}),
    "set without a template": inference_set({SPEC: {"template": None}}),
    "template without inference": inference_set({SPEC: {"template": {"inference": None}}}),
    "unknown upgrade strategy": inference_set(
        {SPEC: {"autoUpgrade": {"enabled": True, "strategy": "Hope"}}}
    ),
    "window without a schedule": inference_set(
        {SPEC: {"autoUpgrade": {"enabled": True, "maintenanceWindow": {"duration": "2h"}}}}
    ),
    "no embedding": rag_engine({SPEC: {"embedding": None}}),
    "no context window": rag_engine({SPEC: {"inferenceService": {"contextWindowSize": None}}}),
    "remote embedding without URL": rag_engine(
        {SPEC: {"embedding": {"local": None, "remote": {}}}}
    ),
    "unknown mirror mode": model_mirror({SPEC: {"mode": "Eager"}}),
    "unknown registry": model_mirror({SPEC: {"source": {"registry": "elsewhere"}}}),
    "one role only": multi_role({SPEC: {"roles": [{"type": "prefill"}]}}),
    "two of one role": multi_role({SPEC: {"roles": [{"type": "prefill"}, {"type": "prefill"}]}}),
    "unknown role": multi_role({SPEC: {"roles": [{"type": "prefill"}, {"type": "encode"}]}}),
    "a role without pods": multi_role(
        {SPEC: {"roles": [{"type": "prefill", "replicas": 0}, {"type": "decode"}]}}
    ),
    "empty selector of roles": multi_role({SPEC: {"labelSelector": {"matchLabels": None}}}),
    "roles of no model": multi_role({SPEC: {"model": {"name": None}}}),
}
ACCEPTED = {
    "Workspace": workspace(),
    "Workspace v1alpha1": workspace(version="v1alpha1"),
    "InferenceSet": inference_set(),
    "InferenceSet v1alpha1": inference_set(version="v1alpha1"),
    "no replicas": inference_set({SPEC: {"replicas": 0}}),
    "RAGEngine": rag_engine(),
    "RAGEngine v1alpha1": rag_engine(version="v1alpha1"),
    "ModelMirror": model_mirror(),
    "MultiRoleInference": multi_role(),
}


class Crds(ClusterTest):
    crds = ()

    @classmethod
    def setUpClass(cls):
        need_crds()
        super().setUpClass()

    def test_every_kind_is_established_with_its_subresources(self):
        for kind in OUR_KINDS:
            with self.subTest(kind):
                crd = self.api.get("CustomResourceDefinition", f"{PLURALS[kind]}.kaito.sh")
                self.assertIsNotNone(crd, "not installed")
                told = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
                self.assertEqual(told.get("Established"), "True")
                self.assertEqual(told.get("NamesAccepted"), "True")
                self.assertNotEqual(told.get("NonStructuralSchema"), "True")
                for version in crd["spec"]["versions"]:
                    self.assertIn("status", version["subresources"])
                    self.assertEqual("scale" in version["subresources"], kind == "InferenceSet")

    def test_what_is_right_is_accepted(self):
        for what, document in ACCEPTED.items():
            with self.subTest(what):
                self.api.create(document, "default", dry_run=True)

    def test_what_is_wrong_is_refused(self):
        for what, document in REFUSED.items():
            with self.subTest(what):
                with self.assertRaises(ApiError) as caught:
                    self.api.create(document, "default", dry_run=True)
                self.assertEqual(caught.exception.status, 422, caught.exception.text)

    def test_defaults_are_filled_in(self):
        made = self.api.create(inference_set(), "default", dry_run=True)["spec"]
        self.assertEqual(made["replicas"], 1)
        window = {"autoUpgrade": {"maintenanceWindow": {"schedule": "0 2 * * *"}}}
        made = self.api.create(inference_set({SPEC: window}), "default", dry_run=True)
        made = made["spec"]["autoUpgrade"]
        self.assertEqual(made["enabled"], False)
        self.assertEqual(made["strategy"], "InPlace")
        self.assertEqual(made["maintenanceWindow"]["duration"], "4h")
        made = self.api.create(workspace(), "default", dry_run=True)
        self.assertEqual(made["resource"]["count"], 1)
        made = self.api.create(model_mirror(), "default", dry_run=True)
        self.assertEqual(made["spec"]["mode"], "Managed")

    def test_both_versions_read_the_same_object(self):
        for kind, make in (
            ("Workspace", workspace), ("InferenceSet", inference_set), ("RAGEngine", rag_engine),
        ):
            with self.subTest(kind):
                made = make(version="v1alpha1")
                self.api.create(made, "default")
                name = made["metadata"]["name"]
                self.addCleanup(self.api.delete, kind, name, "default")
                found = self.api.get(kind, name, "default", version="v1beta1")
                self.assertEqual(found["apiVersion"], "kaito.sh/v1beta1")
                field = "inference" if kind == "Workspace" else "spec"
                again = self.api.get(kind, name, "default", version="v1alpha1")
                self.assertEqual(found[field], again[field])

    def test_an_inference_set_scales(self):
        self.api.create(inference_set(), "default")
        self.addCleanup(self.api.delete, "InferenceSet", "s", "default")
        self.cluster.kubectl("scale", "inferenceset/s", "--replicas=4")
        self.assertEqual(self.api.get("InferenceSet", "s", "default")["spec"]["replicas"], 4)
        for name in ("is", "isets"):
            self.assertIn("s ", self.cluster.kubectl("get", name))

    def test_a_document_written_for_kaito_keeps_every_field_it_has(self):
        self.cluster.ensure_namespace("fields")
        files = sorted((HERE / "manifests").glob("*.yaml"))
        for path, documents in self.cluster.read_manifests(files).items():
            for document in documents:
                with self.subTest(f"{path.stem}: {document['kind']}"):
                    if document["kind"] not in OUR_KINDS:
                        continue
                    made = self.api.create(document, "fields", dry_run=True)
                    self.assertEqual(lost(document, made), [])

    def test_the_files_are_one_kind_each(self):
        self.assertEqual(len(list(CRDS.glob("*.yaml"))), len(OUR_KINDS))


def lost(wanted, got, path=""):
    """Paths of `wanted` that `got` does not have: pruned, because the schema does not know them."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return [
            each
            for key, value in wanted.items()
            for each in lost(value, got.get(key), f"{path}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        return [each for pair in zip(wanted, got) for each in lost(*pair, f"{path}[]")]
    return [] if wanted == got or (wanted == {} and got is None) else [path]


if __name__ == "__main__":
    unittest.main()
