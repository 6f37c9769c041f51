"""A template that cannot run must not take down what serves: the roll-out stops at the first bad
replica, says so in the set's status, and putting the template back is all that mends it."""

import threading
import unittest

from support import ClusterTest, fake_node, is_ready, need_crds, need_operator, wait_until

REPLICAS = 3
ONE_GPU = "Standard_NC24ads_A100_v4"


def template(image):
    """KWOK never makes an image with "broken" in its name ready (stages.yaml)."""
    limits = {"limits": {"nvidia.com/gpu": "1"}}
    return {"spec": {"containers": [{"name": "main", "image": image, "resources": limits}]}}


def a_set(name, surge):
    return {
        "apiVersion": "kaito.sh/v1beta1", "kind": "InferenceSet", "metadata": {"name": name},
        "spec": {
            "replicas": REPLICAS,
            "labelSelector": {"matchLabels": {"apps": name}},
            "updateStrategy": {
                "type": "RollingUpdate", "maxSurge": surge,
                "rollingUpdate": {"maxUnavailable": 0 if surge else 1},
            },
            "template": {"inference": {"template": template("registry/good:1")}},
        },
    }


class Least(threading.Thread):
    """The smallest number of pods of a set's Workspaces that were ready at once while it ran."""

    def __init__(self, test, name):
        super().__init__(daemon=True)
        self._test, self._name, self._done = test, name, threading.Event()
        self.ready = REPLICAS
        test.addCleanup(self.stop)

    def run(self):
        while not self._done.wait(0.2):
            self.ready = min(self.ready, len(self._test.serving(self._name)))

    def stop(self):
        self._done.set()
        self.join()


class Rollout(ClusterTest):
    crds = ("inference",)

    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        super().setUpClass()
        cls.run_operator()

    def pods(self, name):
        found = self.api.list("Pod", "default")
        return [pod for pod in found if pod["metadata"]["name"].startswith(f"{name}-")]

    def images(self, name):
        return sorted(pod["spec"]["containers"][0]["image"] for pod in self.pods(name))

    def serving(self, name):
        def is_up(pod):
            said = pod.get("status", {}).get("conditions", [])
            gone = pod["metadata"].get("deletionTimestamp")
            return not gone and any(c["type"] == "Ready" and c["status"] == "True" for c in said)

        return {pod["metadata"]["uid"] for pod in self.pods(name) if is_up(pod)}

    def condition(self, name, kind="RolloutProgressing"):
        said = self.api.get("InferenceSet", name, "default").get("status", {})
        return next((c for c in said.get("conditions", []) if c["type"] == kind), {})

    def set_image(self, name, image):
        self.api.request(
            "PATCH", self.api.path("InferenceSet", "default", name),
            {"spec": {"template": {"inference": {"template": template(image)}}}},
            "application/merge-patch+json",
        )

    def break_and_mend(self, name, surge, least):
        for number in range(REPLICAS + surge):
            self.api.create(fake_node(f"{name}-{number}", ONE_GPU, {"apps": name}))
        self.api.create(a_set(name, surge), "default")
        wait_until(lambda: is_ready(self.api.get("InferenceSet", name, "default")), "it serves")
        before = self.serving(name)
        self.assertEqual(len(before), REPLICAS)
        watch = Least(self, name)
        watch.start()

        self.set_image(name, "registry/broken:1")
        stalled = wait_until(
            lambda: self.condition(name).get("reason") == "RolloutStalled" and self.condition(name),
            lambda: f"the roll-out stopped: {self.condition(name)}",
        )
        self.assertEqual(stalled["status"], "False")
        self.assertIn(f"{name}-", stalled["message"])  # Which replica.
        self.assertEqual(self.images(name).count("registry/broken:1"), 1)
        serving = self.serving(name)
        self.assertLessEqual(serving, before, "an old replica was replaced by a new one")
        self.assertGreaterEqual(len(serving), least)

        self.set_image(name, "registry/good:1")
        wait_until(
            lambda: self.condition(name).get("reason") == "RolloutComplete"
            and self.images(name) == ["registry/good:1"] * REPLICAS
            and len(self.serving(name)) == REPLICAS,
            lambda: f"it is mended: {self.condition(name)}, {self.images(name)}",
        )
        watch.stop()
        self.assertGreaterEqual(watch.ready, least)
        self.assertEqual(serving - self.serving(name), set(), "a pod that served was replaced")
        self.assertTrue(is_ready(self.api.get("InferenceSet", name, "default")))

    def test_without_spare_nodes_one_replica_is_lost_at_most(self):
        self.break_and_mend("tight", surge=0, least=REPLICAS - 1)

    def test_with_a_spare_node_none_is_lost(self):
        self.break_and_mend("spare", surge=1, least=REPLICAS)


if __name__ == "__main__":
    unittest.main()
