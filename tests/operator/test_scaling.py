"""Annotated InferenceSets follow their load: by our own scaler, to zero and back, or by a
ScaledObject where KEDA is installed. The pods are fake, so the test tells the metrics for them."""

import contextlib
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import (
    ALL_GATES, ApiError, ClusterTest, conditions, create_nodes, fake_node, is_ready, need_crds,
    need_operator, wait_until,
)

POOL = {"pool": "scaling"}
PREFIX = "scaledobject.kaito.sh/"
# A stand-in for KEDA's own: the fields we write and their types, as its documentation names them.
TEXT, WHOLE = {"type": "string"}, {"type": "integer", "format": "int32"}
REFERENCE = {"type": "object", "required": ["name"], "properties": {"kind": TEXT, "name": TEXT}}
WINDOW = {
    "type": "object",
    "properties": {"stabilizationWindowSeconds": {**WHOLE, "maximum": 3600, "minimum": 0}},
}
SCALED_OBJECT = {
    "type": "object",
    "required": ["scaleTargetRef", "triggers"],
    "properties": {
        "scaleTargetRef": {
            "type": "object",
            "required": ["name"],
            "properties": {"apiVersion": TEXT, "kind": TEXT, "name": TEXT},
        },
        "minReplicaCount": WHOLE,
        "maxReplicaCount": WHOLE,
        "advanced": {"type": "object", "properties": {"horizontalPodAutoscalerConfig": {
            "type": "object",
            "properties": {"behavior": {
                "type": "object", "properties": {"scaleUp": WINDOW, "scaleDown": WINDOW},
            }},
        }}},
        "triggers": {"type": "array", "items": {
            "type": "object",
            "required": ["metadata", "type"],
            "properties": {
                "type": TEXT, "name": TEXT, "metricType": TEXT, "authenticationRef": REFERENCE,
                "metadata": {"type": "object", "additionalProperties": TEXT},
            },
        }},
    },
}
KEDA_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "scope": "Namespaced",
        "names": {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"},
        "versions": [{
            "name": "v1alpha1", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": SCALED_OBJECT,
                "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            }}},
        }],
    },
}
SCALED_OBJECTS = "/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects"


def a_set(name, replicas=1, **annotations):
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "InferenceSet",
        "metadata": {
            "name": name,
            "annotations": {
                PREFIX + "auto-provision": "true",
                PREFIX + "threshold": "10",
                PREFIX + "max-replicas": "4",
                **annotations,
            },
        },
        "spec": {
            "replicas": replicas,
            "labelSelector": {"matchLabels": POOL},
            "template": {
                "resource": {"partition": {"mode": "accelerator", "count": 2}},
                "inference": {"preset": {"name": "phi-4-mini-instruct"}},
            },
        },
    }


class Replicas:
    """Answers for every pod at /NAMESPACE/POD; `waiting` is the whole load, shared by all."""

    def __init__(self, api):
        self.waiting, self.running, self.work, self.broken = 0, 0, 0, False
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = owner.answer(api)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/{{namespace}}/{{pod}}"

    def answer(self, api):
        if self.broken:
            return 500, b"out of order"
        # Others' pods, such as an endpoint picker's, have no part of the load.
        pods = max(1, len(api.list("Pod", "default", selector="kaito.sh/workspace")))
        if self.running:
            self.work += 1
        return 200, (
            "# TYPE vllm:num_requests_waiting gauge\n"
            f'vllm:num_requests_waiting{{engine="0"}} {self.waiting / pods}\n'
            f'vllm:num_requests_running{{engine="0"}} {self.running}\n'
            f'vllm:prompt_tokens_total{{engine="0"}} {self.work}\n'
        ).encode()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Scaling(ClusterTest):
    audit = True

    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        super().setUpClass()
        create_nodes(
            cls.api, [fake_node(f"gpu-{i}", "Standard_ND96amsr_A100_v4", POOL) for i in range(2)]
        )

    def found(self, name):
        return self.api.get("InferenceSet", name, "default")

    def wait_for_replicas(self, name, count, seconds=40):
        def there():
            status = self.found(name).get("status", {})
            return (
                self.found(name)["spec"]["replicas"] == count
                and status.get("readyReplicas", 0) == count
                and len(self.api.list("Workspace", "default")) == count
            )

        wait_until(there, lambda: f"{count} replicas: {self.found(name)}", seconds)

    def condition(self, name, kind):
        found = self.found(name).get("status", {}).get("conditions", [])
        return next((each for each in found if each["type"] == kind), {})

    def annotate(self, name, **annotations):
        self.api.patch(
            "InferenceSet", name, {"metadata": {"annotations": annotations}}, "default"
        )


class NativeScaling(Scaling):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.replicas = Replicas(cls.api)
        cls.addClassCleanup(cls.replicas.stop)
        # What an operator finds where there is no KEDA.
        cls.run_operator(flags=(
            "--feature-gates", ALL_GATES, "--autoscaler", "auto", "--scaler-interval", "1",
            "--scaler-metrics-url", cls.replicas.url,
        ))

    def test_up_down_to_zero_and_back(self):
        load = self.replicas
        load.waiting, load.running = 8, 1
        self.api.apply(
            a_set("phi", **{
                PREFIX + "min-replicas": "0", PREFIX + "scaledowncooldown": "4",
                "rage.dev/idle-seconds": "3",
            }),
            "default",
        )
        self.wait_for_replicas("phi", 1)
        wait_until(
            lambda: self.condition("phi", "ScalingActive").get("status") == "True",
            lambda: self.condition("phi", "ScalingActive"),
        )

        load.waiting = 35
        self.wait_for_replicas("phi", 4)
        load.waiting = 400  # There may be no more.
        before = self.cluster.audited()
        time.sleep(4)
        writes = {
            key: count - before.get(key, 0) for key, count in self.cluster.audited().items()
            if key[0] not in ("get", "list", "watch") and count != before.get(key, 0)
            and "inferencesets" in key[1]
        }
        self.assertEqual(writes, {}, "a steady load writes nothing")

        load.broken = True
        wait_until(
            lambda: self.condition("phi", "ScalingActive").get("reason") == "MetricsMissing",
            lambda: self.condition("phi", "ScalingActive"),
        )
        load.waiting = 5
        time.sleep(6)
        self.assertEqual(self.found("phi")["spec"]["replicas"], 4, "nobody knows the load")
        load.broken = False
        self.wait_for_replicas("phi", 1)

        load.waiting = 0
        time.sleep(5)
        self.assertEqual(self.found("phi")["spec"]["replicas"], 1, "a request is being answered")
        load.running = 0
        self.wait_for_replicas("phi", 0)
        asleep = self.condition("phi", "InferenceSetReady")
        self.assertEqual(asleep["reason"], "ScaledToZero")
        self.assertIn("kubectl annotate inferenceset phi -n default rage.dev/wake=now",
                      asleep["message"])

        load.waiting, load.running = 8, 1
        time.sleep(2)
        self.assertEqual(self.found("phi")["spec"]["replicas"], 0, "nobody has woken it")
        self.annotate("phi", **{"rage.dev/wake": "now"})
        self.wait_for_replicas("phi", 1)
        wait_until(
            lambda: "rage.dev/cold-start-seconds" in self.found("phi")["metadata"]["annotations"],
            lambda: self.found("phi")["metadata"]["annotations"],
        )
        annotations = self.found("phi")["metadata"]["annotations"]
        self.assertNotIn("rage.dev/wake", annotations)
        self.assertNotIn("rage.dev/woken-at", annotations)
        self.assertTrue(is_ready(self.found("phi")))

        told = [each for each in self.api.list("Event", "default")
                if each["reason"] == "SuccessfulRescale"]
        self.assertIn("vllm:num_requests_waiting is", str(told))
        # Up, down, to zero through the subresource; waking is one write of its own.
        scaled = self.cluster.audited().get(("patch", "inferencesets/scale"), 0)
        self.assertGreaterEqual(scaled, 3)
        self.assertLess(scaled, 15)

    def test_wrong_annotations_are_a_condition(self):
        self.api.apply(a_set("odd", 0, **{PREFIX + "threshold": "many"}), "default")
        wait_until(
            lambda: self.condition("odd", "ScalingActive").get("reason") == "InvalidAnnotations",
            lambda: self.found("odd"),
        )
        self.assertIn("threshold", self.condition("odd", "ScalingActive")["message"])


class KedaScaling(Scaling):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api.apply(KEDA_CRD)
        wait_until(cls.is_served, "ScaledObjects are served")
        cls.run_operator(flags=("--feature-gates", ALL_GATES, "--autoscaler", "auto"))

    @classmethod
    def is_served(cls):
        with contextlib.suppress(ApiError):
            kinds = cls.api.request("GET", "/apis/keda.sh/v1alpha1")["resources"]
            return any(each["name"] == "scaledobjects" for each in kinds)

    @classmethod
    def scaled_objects(cls):
        """{name: document}"""
        found = cls.api.request("GET", SCALED_OBJECTS)["items"]
        return {each["metadata"]["name"]: each for each in found}

    def test_the_scaled_object_comes_and_goes_with_the_annotation(self):
        self.api.apply(a_set("phi"), "default")
        made = wait_until(lambda: self.scaled_objects().get("phi"), "the ScaledObject is there")
        self.assertEqual(made["spec"]["scaleTargetRef"]["apiVersion"], "kaito.sh/v1beta1")
        self.assertEqual(made["spec"]["maxReplicaCount"], 4)
        self.assertEqual(made["spec"]["triggers"][0]["metadata"]["threshold"], "10")
        wait_until(
            lambda: self.condition("phi", "ScalingActive").get("reason") == "ScaledObjectManaged",
            lambda: self.found("phi"),
        )
        # What KEDA does.
        self.api.patch("InferenceSet", "phi", {"spec": {"replicas": 3}}, "default", "scale")
        self.wait_for_replicas("phi", 3)
        self.annotate("phi", **{PREFIX + "max-replicas": "7"})
        wait_until(
            lambda: self.scaled_objects()["phi"]["spec"]["maxReplicaCount"] == 7,
            lambda: self.scaled_objects(),
        )
        self.api.request("DELETE", f"{SCALED_OBJECTS}/phi")  # Drift is repaired.
        wait_until(
            lambda: self.scaled_objects().get("phi", made)["metadata"]["uid"]
            != made["metadata"]["uid"],
            "it is made again",
        )
        self.annotate("phi", **{PREFIX + "auto-provision": None})
        wait_until(lambda: self.scaled_objects() == {}, lambda: self.scaled_objects())
        wait_until(
            lambda: "ScalingActive" not in conditions(self.found("phi")),
            lambda: self.found("phi"),
        )
        self.assertEqual(self.found("phi")["spec"]["replicas"], 3)


if __name__ == "__main__":
    unittest.main()
