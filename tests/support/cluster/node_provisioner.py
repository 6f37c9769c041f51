#!/usr/bin/env python3
"""A stand-in for Karpenter in tests: answers NodeClaims with fake nodes (KWOK makes them Ready),
static NodePools with NodeClaims, node classes with Ready.

An instance type that kwok_nodes.py does not know is out of capacity: Launched=False.

usage: node_provisioner.py DIR        until SIGTERM; DIR is a cluster of up.sh
"""

import queue
import random
import signal
import string
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from kubeapi import Api, ApiError  # noqa: E402
from kwok_nodes import INSTANCE_TYPES, fake_node  # noqa: E402

FINALIZER = "karpenter.sh/termination"
TYPE_LABEL = "node.kubernetes.io/instance-type"


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def condition(kind, status="True", reason=None, message=""):
    return {
        "type": kind, "status": status, "reason": reason or kind, "message": message,
        "lastTransitionTime": now(),
    }


def one_value(requirements):
    """Requirements that leave no choice, as labels."""
    return {
        each["key"]: each["values"][0]
        for each in requirements
        if each["operator"] == "In" and len(each.get("values", [])) >= 1
    }


class NodeProvisioner:
    """Level-triggered: what a key should look like is computed from the object as it is now."""

    def __init__(self, folder):
        self._api = Api(folder)
        self._stopped = threading.Event()
        self._changed = queue.Queue()
        self._threads = [
            threading.Thread(target=self._watch, args=(kind,), daemon=True)
            for kind in ("NodeClaim", "NodePool", "AKSNodeClass")
        ] + [threading.Thread(target=self._work, daemon=True) for _ in range(4)]
        self._pool_lock = threading.Lock()

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stopped.set()
        for _ in self._threads:
            self._changed.put(None)

    def _watch(self, kind):
        for _, found in self._api.watch(kind, self._stopped):
            self._changed.put((kind, found["metadata"]["name"]))
            pool = found["metadata"].get("labels", {}).get("karpenter.sh/nodepool")
            if kind == "NodeClaim" and pool:
                self._changed.put(("NodePool", pool))

    def _work(self):
        while not self._stopped.is_set():
            key = self._changed.get()
            if key is None:
                return
            kind, name = key
            try:
                found = self._api.get(kind, name)
                if found is None:
                    continue
                if kind == "NodeClaim":
                    self._claim(found)
                elif kind == "NodePool":
                    with self._pool_lock:  # Two at once would both see a claim missing.
                        self._pool(found)
                else:
                    self._ready(kind, found)
            except (ApiError, OSError):
                self._stopped.wait(0.2)
                self._changed.put(key)

    def _claim(self, claim):
        name, spec = claim["metadata"]["name"], claim["spec"]
        finalizers = claim["metadata"].get("finalizers", [])
        if claim["metadata"].get("deletionTimestamp"):
            self._api.delete("Node", name)
            if FINALIZER in finalizers:
                kept = [each for each in finalizers if each != FINALIZER]
                self._api.patch("NodeClaim", name, {"metadata": {"finalizers": kept}})
            return
        if claim.get("status", {}).get("conditions"):
            return
        labels = {**one_value(spec.get("requirements", [])), **claim["metadata"].get("labels", {})}
        instance_type = labels.get(TYPE_LABEL, "")
        if instance_type not in INSTANCE_TYPES:
            text = f"all requested instance types were unavailable during launch: {instance_type}"
            failed = condition("Launched", "False", "InsufficientCapacityError", text)
            ready = condition("Ready", "False", "UnhealthyDependents", text)
            self._api.patch(
                "NodeClaim", name, {"status": {"conditions": [failed, ready]}}, subresource="status"
            )
            return
        self._api.patch("NodeClaim", name, {"metadata": {"finalizers": [*finalizers, FINALIZER]}})
        node = fake_node(name, instance_type, labels, spec.get("taints", []))
        node["spec"]["providerID"] = f"fake://{name}"
        try:
            self._api.create(node)
        except ApiError as error:
            if error.status != 409:
                raise
        done = [condition(each) for each in ("Launched", "Registered", "Initialized", "Ready")]
        capacity = node["status"]["capacity"]
        status = {
            "nodeName": name, "providerID": f"fake://{name}", "conditions": done,
            "capacity": capacity, "allocatable": capacity,
        }
        self._api.patch("NodeClaim", name, {"status": status}, subresource="status")

    def _pool(self, pool):
        name, spec = pool["metadata"]["name"], pool["spec"]
        if pool["metadata"].get("deletionTimestamp"):
            return  # Its claims are collected by their owner reference.
        self._ready("NodePool", pool)
        claims = [
            each
            for each in self._api.list("NodeClaim", selector=f"karpenter.sh/nodepool={name}")
            if not each["metadata"].get("deletionTimestamp")
        ]
        template = spec["template"]
        for _ in range(spec.get("replicas", 0) - len(claims)):
            suffix = "".join(random.choices(string.ascii_lowercase, k=5))
            metadata = template.get("metadata", {})
            self._api.create({
                "apiVersion": "karpenter.sh/v1",
                "kind": "NodeClaim",
                "metadata": {
                    "name": f"{name}-{suffix}",
                    "labels": {**metadata.get("labels", {}), "karpenter.sh/nodepool": name},
                    "annotations": metadata.get("annotations", {}),
                    "ownerReferences": [{
                        "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "name": name,
                        "uid": pool["metadata"]["uid"], "blockOwnerDeletion": True,
                    }],
                },
                "spec": template["spec"],
            })
        for extra in claims[spec.get("replicas", 0) :] if "replicas" in spec else []:
            self._api.delete("NodeClaim", extra["metadata"]["name"])

    def _ready(self, kind, found):
        conditions = found.get("status", {}).get("conditions", [])
        if not any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
            self._api.patch(
                kind, found["metadata"]["name"], {"status": {"conditions": [condition("Ready")]}},
                subresource="status",
            )


def main():
    provisioner = NodeProvisioner(sys.argv[1]).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        signal.pause()
    finally:
        provisioner.stop()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
