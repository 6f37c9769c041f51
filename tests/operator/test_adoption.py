"""Take-over: what KAITO made goes on running. The objects are written as KAITO's operator writes
them (not by our renderer), their pods run, and only then our operator starts."""

import hashlib
import json
import time
import unittest

from support import ClusterTest, create_nodes, fake_node, need_crds, need_operator, wait_until

NAMESPACE = "taken-over"
MACHINE = "Standard_NC24ads_A100_v4"
IMAGE = "mcr.microsoft.com/aks/kaito/kaito-base:0.5.0"
SETTLED_SECONDS = 4


def go_json(value):
    """As Go's encoder: no spaces, and <, >, & escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text + "\n"


def kaito_hash(workspace):
    resource = workspace["resource"]
    preset = {**workspace["inference"]["preset"], "presetOptions": {}}
    parts = (
        {key: resource[key] for key in ("count", "instanceType", "labelSelector")
         if key in resource},
        {"preset": preset}, None,
    )
    return hashlib.sha256("".join(map(go_json, parts)).encode()).hexdigest()


def workspace(name, labels=None, owners=(), instance_type=None):
    document = {
        "apiVersion": "kaito.sh/v1beta1", "kind": "Workspace",
        "metadata": {
            "name": name, "labels": labels or {}, "ownerReferences": list(owners),
            "finalizers": ["workspace.finalizer.kaito.sh"],
        },
        "resource": {
            "count": 1, **({"instanceType": instance_type} if instance_type else {}),
            "labelSelector": {"matchLabels": {"apps": name, "zone": "a"}},
        },
        "inference": {"preset": {"name": "phi-4-mini-instruct", "accessMode": "public"}},
    }
    document["metadata"]["annotations"] = {
        "workspace.kaito.io/hash": kaito_hash(document), "workspace.kaito.io/revision": "1",
    }
    return document


def controller(document):
    return {
        "apiVersion": document["apiVersion"], "kind": document["kind"],
        "name": document["metadata"]["name"], "uid": document["metadata"]["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }


# Upstream's flags come out of a map: any order, and not the one that we would write.
def command(served_name):
    return ["/bin/sh", "-c", " ".join((
        "python3 /workspace/vllm/inference_api.py", "--dtype=bfloat16", "--trust-remote-code",
        "--tokenizer_mode=auto", "--tensor-parallel-size=1", f"--served-model-name={served_name}",
        "--model=microsoft/Phi-4-mini-instruct", "--max-model-len=auto", "--load_format=auto",
        "--kv-events-config='{\"enable_kv_cache_events\":true}'", "--gpu-memory-utilization=0.84",
        "--download-dir=/workspace/weights", "--config_format=auto",
        "--compilation-config.pass_config.fuse_allreduce_rms=False",
        "--chat-template=/workspace/chat_templates/tool-chat-phi4-mini.jinja",
    ))]


def probe(**fields):
    return {"httpGet": {"path": "/health", "port": 5000}, "periodSeconds": 10, **fields}


def stateful_set(owner, served_name, node_labels):
    meta = owner["metadata"]
    name = meta["name"]
    labels = {"kaito.sh/workspace": name}
    if created_by := meta.get("labels", {}).get("inferenceset.kaito.sh/created-by"):
        labels["inferenceset.kaito.sh/created-by"] = created_by
    gpu = {"nvidia.com/gpu": "1"}
    container = {
        "name": name, "image": IMAGE, "command": command(served_name),
        "ports": [{"name": "http", "containerPort": 5000},
                  {"name": "kv-events", "containerPort": 5557}],
        "env": [{"name": "VLLM_USE_FLASHINFER_SAMPLER", "value": "0"},
                {"name": "VLLM_USE_DEEP_GEMM", "value": "0"}],
        "resources": {"requests": gpu, "limits": gpu},
        "livenessProbe": probe(failureThreshold=3),
        "readinessProbe": probe(initialDelaySeconds=30),
        "startupProbe": {
            "exec": {"command": ["python3", "/workspace/vllm/benchmark_entrypoint.py"]},
            "periodSeconds": 10, "timeoutSeconds": 600, "failureThreshold": 180,
        },
        "volumeMounts": [{"name": "model-weights-volume", "mountPath": "/workspace/weights"},
                         {"name": "dshm", "mountPath": "/dev/shm"}],
    }
    expressions = [
        {"key": key, "operator": "In", "values": [value]}
        for key, value in reversed(sorted(node_labels.items()))
    ]
    return {
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {
            "name": name, "annotations": {"workspace.kaito.io/revision": "1"},
            "ownerReferences": [controller(owner)],
        },
        "spec": {
            "replicas": 1, "podManagementPolicy": "Parallel", "serviceName": f"{name}-headless",
            "persistentVolumeClaimRetentionPolicy": {
                "whenScaled": "Retain", "whenDeleted": "Delete",
            },
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [container],
                    "volumes": [{"name": "model-weights-volume", "emptyDir": {}},
                                {"name": "dshm", "emptyDir": {"medium": "Memory"}}],
                    "affinity": {"nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [{"matchExpressions": expressions}],
                        },
                    }},
                    "tolerations": [
                        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
                        {"key": "sku", "operator": "Equal", "value": "gpu",
                         "effect": "NoSchedule"},
                        {"key": "kubernetes.azure.com/scalesetpriority", "operator": "Equal",
                         "value": "spot", "effect": "NoSchedule"},
                    ],
                },
            },
        },
    }


def services(owner):
    name = owner["metadata"]["name"]
    ports = {"http": (80, 5000), "ray": (6379, 6379), "dashboard": (8265, 8265),
             "kv-events": (5557, 5557)}
    meta = {"name": name, "ownerReferences": [controller(owner)]}
    yield {
        "apiVersion": "v1", "kind": "Service", "metadata": meta,
        "spec": {
            "publishNotReadyAddresses": True,
            "selector": {"kaito.sh/workspace": name,
                         "statefulset.kubernetes.io/pod-name": f"{name}-0"},
            "ports": [{"name": key, "port": port, "targetPort": target}
                      for key, (port, target) in ports.items()],
        },
    }
    yield {
        "apiVersion": "v1", "kind": "Service", "metadata": {**meta, "name": f"{name}-headless"},
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": True,
                 "selector": {"kaito.sh/workspace": name}},
    }


def revision(owner):
    name = owner["metadata"]["name"]
    digest = owner["metadata"]["annotations"]["workspace.kaito.io/hash"]
    return {
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
        "metadata": {
            "name": f"{name}-{digest[:5]}", "labels": {"workspace.kaito.io/name": name},
            "annotations": {"workspace.kaito.io/hash": digest},
            "ownerReferences": [controller(owner)],
        },
        "data": {"inference": owner["inference"], "resource": owner["resource"], "tuning": None},
    }


class TakeOver:
    provisioner = ""
    instance_type = None

    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        super().setUpClass()
        cls.cluster.ensure_namespace(NAMESPACE)
        for name in ("phi", "chat-x7k2p"):
            cls._node(name)
        parent = cls._create({
            "apiVersion": "kaito.sh/v1beta1", "kind": "InferenceSet",
            "metadata": {"name": "chat", "finalizers": ["inferenceset.finalizer.kaito.sh"]},
            "spec": {
                "replicas": 1, "labelSelector": {"matchLabels": {"apps": "chat-x7k2p",
                                                                 "zone": "a"}},
                "template": {
                    "resource": {"instanceType": cls.instance_type} if cls.instance_type else {},
                    "inference": {"preset": {"name": "phi-4-mini-instruct"}},
                },
            },
        })
        cls._running(workspace("phi", instance_type=cls.instance_type), "phi-4-mini-instruct")
        cls._running(workspace(
            "chat-x7k2p", {"inferenceset.kaito.sh/created-by": "chat"}, [controller(parent)],
            cls.instance_type,
        ), "chat")
        wait_until(lambda: len(cls._ready()) == 2, "the pods of before run", 60)
        cls.before = cls._what_runs()
        # The gates of before: an endpoint picker would be new.
        cls.operator = cls.run_operator(provisioner=cls.provisioner, flags=())
        wait_until(cls._all_ready, cls._told, 60)
        time.sleep(SETTLED_SECONDS)

    @classmethod
    def _create(cls, document):
        return cls.api.create(document, NAMESPACE)

    @classmethod
    def _node(cls, name):
        create_nodes(cls.api, [fake_node(f"node-{name}", MACHINE, {
            "apps": name, "zone": "a", **cls._node_labels(name),
        })])

    @classmethod
    def _node_labels(cls, name):
        return {}

    @classmethod
    def _running(cls, document, served_name):
        owner = cls._create(document)
        labels = {**document["resource"]["labelSelector"]["matchLabels"],
                  **cls._node_labels(document["metadata"]["name"])}
        cls._create(revision(owner))
        for service in services(owner):
            cls._create(service)
        cls._create(stateful_set(owner, served_name, labels))

    @classmethod
    def _ready(cls):
        return [
            pod for pod in cls.api.list("Pod", NAMESPACE)
            if any(each["type"] == "Ready" and each["status"] == "True"
                   for each in pod.get("status", {}).get("conditions", []))
        ]

    @classmethod
    def _what_runs(cls):
        return {
            "pods": sorted(pod["metadata"]["uid"] for pod in cls.api.list("Pod", NAMESPACE)),
            "workspaces": sorted(each["metadata"]["uid"]
                                 for each in cls.api.list("Workspace", NAMESPACE)),
            "revisions": sorted(each["metadata"]["name"]
                                for each in cls.api.list("ControllerRevision", NAMESPACE)
                                if "workspace.kaito.io/name" in each["metadata"].get("labels", {})),
            "templates": {
                each["metadata"]["name"]: each["spec"]["template"]
                for each in cls.api.list("StatefulSet", NAMESPACE)
            },
            "addresses": {
                each["metadata"]["name"]: each["spec"]["clusterIP"]
                for each in cls.api.list("Service", NAMESPACE)
            },
            "claims": sorted(each["metadata"]["name"] for each in cls.api.list("NodeClaim")),
        }

    @classmethod
    def _all_ready(cls):
        states = [each.get("status", {}).get("state")
                  for each in cls.api.list("Workspace", NAMESPACE)]
        parent = cls.api.get("InferenceSet", "chat", NAMESPACE)
        return states == ["Ready"] * 2 and parent.get("status", {}).get("readyReplicas") == 1

    @classmethod
    def _told(cls):
        return json.dumps([each.get("status") for each in cls.api.list("Workspace", NAMESPACE)],
                          indent=1)

    def test_nothing_that_runs_is_touched(self):
        now = self._what_runs()
        for what, before in self.before.items():
            with self.subTest(what):
                self.assertEqual(now[what], before)

    def test_z_an_edit_reaches_the_pods_afterwards(self):
        self.cluster.kubectl("annotate", "-n", NAMESPACE, "workspace/phi",
                             "kaito.sh/performance-mode=throughput")

        def rolled():
            found = self.api.get("StatefulSet", "phi", NAMESPACE)
            words = found["spec"]["template"]["spec"]["containers"][0]["command"][-1]
            return "--performance-mode=throughput" in words

        wait_until(rolled, "the StatefulSet follows its Workspace", 30)


class BringYourOwn(TakeOver, ClusterTest):
    provisioner = "byo"


class NodeClaims(TakeOver, ClusterTest):
    provisioner = "azure-gpu-provisioner"
    instance_type = MACHINE

    @classmethod
    def _node_labels(cls, name):
        return {"kaito.sh/workspace": name, "kaito.sh/workspacenamespace": NAMESPACE}

    # KAITO's claim has a name of its own making; a second one would be a second machine.
    @classmethod
    def _node(cls, name):
        super()._node(name)
        labels = {"karpenter.sh/nodepool": "kaito", **cls._node_labels(name),
                  "apps": name, "zone": "a"}
        claim = cls.api.create({
            "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
            "metadata": {
                "name": "ws" + hashlib.sha256(name.encode()).hexdigest()[:9], "labels": labels,
                "annotations": {"karpenter.sh/do-not-disrupt": "true"},
            },
            "spec": {
                "nodeClassRef": {"group": "kaito.sh", "kind": "KaitoNodeClass", "name": "default"},
                "requirements": [
                    {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["kaito"]},
                    {"key": "node.kubernetes.io/instance-type", "operator": "In",
                     "values": [MACHINE]},
                ],
                "taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
            },
        })
        claim["status"] = {
            "nodeName": f"node-{name}", "providerID": f"fake://{name}",
            "conditions": [
                {"type": kind, "status": "True", "reason": kind, "message": "",
                 "lastTransitionTime": "2026-01-01T00:00:00Z"}
                for kind in ("Launched", "Registered", "Initialized", "Ready")
            ],
        }
        path = cls.api.path("NodeClaim", name=claim["metadata"]["name"], subresource="status")
        cls.api.request("PUT", path, claim)


if __name__ == "__main__":
    unittest.main()
