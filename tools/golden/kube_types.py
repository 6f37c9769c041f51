#!/usr/bin/env python3
"""Writes src/kubeobjects/data/types.inc: the types of Kubernetes' built-in kinds as structural
schemas (fields, list types, merge keys), without their prose, out of the OpenAPI of a running
kube-apiserver.

usage: tests/support/cluster/up.sh DIR; tools/golden/kube_types.py DIR/kubeconfig
"""
import json
import subprocess
import sys
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "src/kubeobjects/data/types.inc"
KINDS = {
    "api/v1": "ConfigMap Endpoints Event Namespace Node PersistentVolume PersistentVolumeClaim Pod "
              "Secret Service ServiceAccount",
    "apis/admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration "
                                            "ValidatingWebhookConfiguration",
    "apis/apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "apis/apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet Scale StatefulSet",
    "apis/batch/v1": "CronJob Job",
    "apis/coordination.k8s.io/v1": "Lease",
    "apis/discovery.k8s.io/v1": "EndpointSlice",
    "apis/policy/v1": "PodDisruptionBudget",
    "apis/rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "apis/storage.k8s.io/v1": "StorageClass",
}
PREFIXES = ("io.k8s.apiextensions-apiserver.pkg.apis.", "io.k8s.apimachinery.pkg.apis.",
            "io.k8s.apimachinery.pkg.", "io.k8s.api.")
KEPT = ("type", "format", "default", "required", "enum", "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-patch-merge-key",
        "x-kubernetes-patch-strategy", "x-kubernetes-preserve-unknown-fields")


def short(name):
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


class Types:
    def __init__(self):
        self._source = {}
        self.found = {}

    def add_source(self, schemas):
        self._source.update(schemas)

    def need(self, name):
        if short(name) not in self.found:
            self.found[short(name)] = None
            self.found[short(name)] = self._node(self._source[name])

    def _node(self, schema):
        references = [*schema.get("allOf", []), *([schema] if "$ref" in schema else [])]
        node = {}
        for reference in references:
            name = reference["$ref"].rsplit("/", 1)[-1]
            self.need(name)
            node["$ref"] = short(name)
        node.update((key, schema[key]) for key in KEPT if key in schema)
        if node.get("default") in ({}, "", 0):  # Go's zero values, which are left out.
            del node["default"]
        if "properties" in schema:
            node["properties"] = {k: self._node(v) for k, v in schema["properties"].items()}
        if "items" in schema:
            node["items"] = self._node(schema["items"])
        if isinstance(schema.get("additionalProperties"), dict):
            node["additionalProperties"] = self._node(schema["additionalProperties"])
        if node.get("type") == "object" and not {"properties", "additionalProperties"} & node.keys():
            node["x-kubernetes-preserve-unknown-fields"] = True
        return node


def main(kubeconfig):
    types = Types()
    for path, kinds in KINDS.items():
        text = subprocess.run(
            ["kubectl", "--kubeconfig", kubeconfig, "get", "--raw", f"/openapi/v3/{path}"],
            check=True, capture_output=True, text=True).stdout
        schemas = json.loads(text)["components"]["schemas"]
        types.add_source(schemas)
        for name, schema in sorted(schemas.items()):
            known = schema.get("x-kubernetes-group-version-kind", [])
            group = path.split("/")[1] if path.startswith("apis/") else ""
            version = path.split("/")[-1]
            if any(each["group"] == group and each["version"] == version
                   and each["kind"] in kinds.split() for each in known):
                types.need(name)
            if name.endswith((".meta.v1.DeleteOptions", ".autoscaling.v1.Scale")):
                types.need(name)
    lines = [f'{{"{name}", R"({json.dumps(found, separators=(",", ":"))})"}},'
             for name, found in sorted(types.found.items())]
    OUT.write_text("\n".join(lines) + "\n")
    print(f"{OUT.name}: {len(lines)} types, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
