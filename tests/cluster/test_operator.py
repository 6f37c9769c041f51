"""The real `rage operator` on `rage apiserver`: the child objects of manifests that bring their own
nodes are those that tests/operator/golden keeps from the real Kubernetes."""

import difflib
import sys
import threading
import time
import unittest

from embedded import CACHE, ROOT, SCRIPTS, Embedded

sys.path.insert(0, str(ROOT / "tests/operator"))
import golden  # noqa: E402
import support  # noqa: E402
import test_manifests  # noqa: E402


class Workloads(threading.Thread):
    """Says of each node, StatefulSet, Deployment and claim that it is ready, and of each Job that
    it is done, as controllers and nodes of a real cluster do; it makes no pods."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self._api = api
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(0.3):
            for kind in ("StatefulSet", "Deployment"):
                for item in self._api.list(kind):
                    self._ready(kind, item)
            for item in self._api.list("Job"):
                if "conditions" not in item.get("status", {}):
                    done = {"type": "Complete", "status": "True", "reason": "Said", "message": ""}
                    self._patch("Job", item, {"succeeded": 1, "conditions": [done]})
            for item in self._api.list("Node"):
                if "conditions" not in item.get("status", {}):
                    ready = {"type": "Ready", "status": "True", "reason": "Said", "message": ""}
                    self._patch("Node", item, {**item["status"], "conditions": [ready]})
            for item in self._api.list("PersistentVolumeClaim"):
                if item.get("status", {}).get("phase") != "Bound":
                    self._patch("PersistentVolumeClaim", item, {"phase": "Bound"})

    def _ready(self, kind, item):
        metadata, wanted = item["metadata"], item["spec"].get("replicas", 1)
        if item.get("status", {}).get("observedGeneration") == metadata["generation"]:
            return
        counts = {key: wanted for key in ("replicas", "readyReplicas", "availableReplicas",
                                          "updatedReplicas")}
        status = {**counts, "observedGeneration": metadata["generation"]}
        if kind == "StatefulSet":
            status |= {"currentReplicas": wanted, "currentRevision": "1", "updateRevision": "1"}
        else:
            status["conditions"] = [{"type": "Available", "status": "True", "reason": "Said",
                                     "message": "by the test"}]
        self._patch(kind, item, status)

    def _patch(self, kind, item, status):
        metadata = item["metadata"]
        try:
            self._api.patch(kind, metadata["name"], {"status": status}, metadata.get("namespace"),
                            "status")
        except support.ApiError as error:
            if error.status not in (404, 409):
                raise

    def stop(self):
        self._over.set()
        self.join()


class EmbeddedCluster(support.Cluster):
    """What support.Operator and its tests need of a cluster, on `rage apiserver`."""

    def __init__(self):
        self._embedded = Embedded()
        self.folder = self._embedded.folder
        self.api = self._embedded.api
        (self.folder / "operator.kubeconfig").write_text(
            (self.folder / "kubeconfig").read_text())
        for folder in (ROOT / "deploy/crds", CACHE / "cluster/crds/inference",
                       CACHE / "cluster/crds/karpenter", SCRIPTS / "node_class_crd.yaml"):
            self.kubectl("apply", "--server-side", "-f", folder)

    def bind_operator(self, chart="byo"):
        self.ensure_namespace("kaito-workspace")

    def stop(self):
        self._embedded.stop()


def objects_of(text):
    """The documents of a golden file that are objects, without the owners' status. Sorted anew: the
    two servers write fields in different orders."""
    return sorted(part for part in text.rstrip("\n").split("\n---\n")
                  if not part.lstrip("- ").startswith(("status of", '"status of"')))


class Children(unittest.TestCase):
    def test_they_are_those_of_the_real_kubernetes(self):
        support.need_operator()
        manifests = [each for each in test_manifests.MANIFESTS
                     if (each.provisioner, each.gates) == ("byo", "") and each.awaited]
        cluster = EmbeddedCluster()
        self.addCleanup(cluster.stop)
        api = cluster.api
        nodes = [node for each in manifests for node in each.nodes]
        nodes.append(support.fake_node("services", "Standard_D8s_v5", {"role": "services"}))
        support.create_nodes(api, {node["metadata"]["name"]: node for node in nodes}.values())
        read = cluster.read_manifests([each.path for each in manifests])
        workloads = Workloads(api)
        workloads.start()
        self.addCleanup(workloads.stop)
        operator = support.Operator(cluster, provisioner="byo").start()
        self.addCleanup(operator.stop)
        cluster.apply_all((each.namespace, document) for each in manifests
                          for document in read[each.path])
        for each in manifests:
            each.documents = read[each.path]
        left = self._compare_until_equal(api, manifests)
        same = len(manifests) - len(left)
        print(f"{same} of {len(manifests)} manifests have the same children", file=sys.stderr)
        if left:
            self.fail("\n".join(left.values()))

    def _compare_until_equal(self, api, manifests, seconds=90):
        deadline = time.monotonic() + seconds
        while True:
            children = self._children(api)
            left = {}
            for each in manifests:
                difference = self._difference(api, each, children.get(each.namespace, []))
                if difference:
                    left[each.name] = difference
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(1)

    @staticmethod
    def _children(api):
        found = {}
        for kind in golden.CHILD_KINDS:
            base = api.path(kind).split("/")
            version = "/".join(base[2:-1]) if base[1] == "apis" else base[2]
            for item in api.list(kind):
                child = {"apiVersion": version, "kind": kind, **item}
                child["metadata"].setdefault("namespace", "")
                found.setdefault(golden.namespace_of(child), []).append(child)
        return found

    @staticmethod
    def _difference(api, manifest, children):
        owners = []
        for owner in manifest.owners():
            namespace = None if owner["kind"] == "ModelMirror" else manifest.namespace
            found = api.get(owner["kind"], owner["metadata"]["name"], namespace)
            found["metadata"].setdefault("namespace", "")
            owners.append(found)
        want = (ROOT / f"tests/operator/golden/{manifest.name}.yaml").read_text()
        got = golden.render(owners, children)
        return "\n".join(difflib.unified_diff(
            "\n---\n".join(objects_of(want)).splitlines(),
            "\n---\n".join(objects_of(got)).splitlines(), f"real/{manifest.name}", "embedded",
            lineterm=""))


if __name__ == "__main__":
    unittest.main()
