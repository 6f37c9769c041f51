"""REST interactions that a Kubernetes API answers, the same script for the real kube-apiserver and
for `rage apiserver`; replies without what differs on every run."""

import copy
import http.client
import json
import random
import re
import ssl
from pathlib import Path

NS = "conformance"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"

POD_SPEC = {"containers": [{"name": "main", "image": "example.org/main:1"}]}
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": POD_SPEC}
SELECTOR = {"matchLabels": {"app": "x"}}
WIDGET_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.org"},
    "spec": {
        "group": "example.org", "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"],
                  "categories": ["all"]},
        "versions": [{
            "name": "v1", "served": True, "storage": True,
            "subresources": {"status": {}, "scale": {
                "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector"}},
            "additionalPrinterColumns": [
                {"name": "Size", "type": "string", "jsonPath": ".spec.size"},
                {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"}],
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "required": ["size"], "properties": {
                    "size": {"type": "string", "enum": ["small", "large"]},
                    "replicas": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1},
                    "name": {"type": "string", "maxLength": 5, "pattern": "^[a-z]*$"},
                    "parts": {"type": "array", "maxItems": 3, "x-kubernetes-list-type": "map",
                              "x-kubernetes-list-map-keys": ["name"],
                              "items": {"type": "object", "required": ["name"], "properties": {
                                  "name": {"type": "string"}, "weight": {"type": "integer"}}}},
                    "tags": {"type": "array", "x-kubernetes-list-type": "set",
                             "items": {"type": "string"}},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "port": {"x-kubernetes-int-or-string": True}}},
                "status": {"type": "object", "properties": {
                    "replicas": {"type": "integer"}, "selector": {"type": "string"},
                    "phase": {"type": "string"}}}}}},
        }],
    },
}


def kind(api_version, name, plural, body, changed, namespaced=True):
    return {"api_version": api_version, "kind": name, "plural": plural, "body": body,
            "changed": changed, "namespaced": namespaced}


# What is there first, and a merge patch that changes it.
KINDS = [
    kind("v1", "ConfigMap", "configmaps", {"data": {"a": "1"}}, {"data": {"b": "2"}}),
    kind("v1", "Secret", "secrets", {"data": {"a": "MQ=="}}, {"stringData": {"b": "2"}}),
    kind("v1", "ServiceAccount", "serviceaccounts", {},
         {"automountServiceAccountToken": False}),
    kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims",
         {"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none",
                   "resources": {"requests": {"storage": "1Gi"}}}},
         {"metadata": {"annotations": {"n": "1"}}}),
    kind("v1", "Service", "services",
         {"spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}},
         {"spec": {"ports": [{"port": 81, "name": "a"}]}}),
    kind("v1", "Pod", "pods", {"spec": POD_SPEC},
         {"spec": {"activeDeadlineSeconds": 100}}),
    kind("apps/v1", "Deployment", "deployments",
         {"spec": {"selector": SELECTOR, "template": TEMPLATE}}, {"spec": {"replicas": 3}}),
    kind("apps/v1", "StatefulSet", "statefulsets",
         {"spec": {"selector": SELECTOR, "template": TEMPLATE, "serviceName": "s"}},
         {"spec": {"replicas": 2}}),
    kind("apps/v1", "ReplicaSet", "replicasets",
         {"spec": {"selector": SELECTOR, "template": TEMPLATE}}, {"spec": {"replicas": 2}}),
    kind("apps/v1", "ControllerRevision", "controllerrevisions",
         {"data": {"a": 1}, "revision": 1}, {"revision": 2}),
    kind("batch/v1", "CronJob", "cronjobs",
         {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {
             "spec": {**POD_SPEC, "restartPolicy": "Never"}}}}}},
         {"spec": {"suspend": True}}),
    kind("rbac.authorization.k8s.io/v1", "Role", "roles",
         {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
         {"metadata": {"labels": {"l": "1"}}}),
    kind("coordination.k8s.io/v1", "Lease", "leases",
         {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 10}},
         {"spec": {"leaseTransitions": 1}}),
    kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices",
         {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}],
          "ports": [{"port": 80}]},
         {"endpoints": [{"addresses": ["10.0.0.2"]}]}),
    kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets",
         {"spec": {"minAvailable": 1, "selector": SELECTOR}}, {"spec": {"minAvailable": 2}}),
    kind("storage.k8s.io/v1", "StorageClass", "storageclasses",
         {"provisioner": "example.org/p"}, {"allowVolumeExpansion": True}, namespaced=False),
    kind("example.org/v1", "Widget", "widgets",
         {"spec": {"size": "small", "parts": [{"name": "p", "weight": 1}], "tags": ["a"]}},
         {"spec": {"replicas": 3}}),
    kind("kaito.sh/v1alpha1", "AutoIndexer", "autoindexers",
         {"spec": {"ragEngine": "r", "indexName": "i", "source": {
             "http": {"urls": ["https://example.org/a"]}}}},
         {"metadata": {"annotations": {"n": "1"}}}),
]


class Player:
    """Sends requests to one server and keeps the replies, without what differs on every run."""

    def __init__(self, folder):
        facts = json.loads((Path(folder) / "cluster.json").read_text())
        self._host = facts["server"].removeprefix("https://")
        self._token = facts["token"]
        self._tls = ssl.create_default_context(cafile=facts["ca"])
        self._connection = None
        self.replies = {}

    def send(self, method, path, body=None, content_type="application/json",
             accept="application/json"):
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._host, context=self._tls, timeout=30)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type,
                   "Accept": accept, "User-Agent": "conformance/1"}
        payload = json.dumps(body) if body is not None else None
        self._connection.request(method, path, payload, headers)
        reply = self._connection.getresponse()
        text = reply.read().decode()
        try:
            return reply.status, json.loads(text), reply.headers.get_all("Warning", [])
        except json.JSONDecodeError:
            return reply.status, text.strip(), []

    def close(self):
        if self._connection:
            self._connection.close()

    def play(self, name, method, path, body=None, **options):
        """Sends, keeps the reply under `name`, returns the body."""
        assert name not in self.replies, name
        status, told, warnings = self.send(method, path, body, **options)
        self.replies[name] = normal({"status": status, "body": told,
                                     **({"warnings": warnings} if warnings else {})})
        return told if isinstance(told, dict) else {}


def normal(value, key=""):
    if isinstance(value, dict):
        return {k: normal(v, k) for k, v in sorted(value.items())}
    if isinstance(value, list) and key == "managedFields":
        # Sorted by their seconds, which differ.
        return sorted((normal(each) for each in value), key=lambda entry: (
            entry["operation"], entry["manager"], entry.get("subresource", "")))
    if isinstance(value, list):
        return [normal(each, key) for each in value]
    if not isinstance(value, str):
        return value
    if key == "resourceVersion" and value:
        return "VERSION"
    if key in ("continue", "description") and value:
        return key.upper()
    if key in ("clusterIP", "clusterIPs") and re.fullmatch(r"[\d.]+", value):
        return "ADDRESS"
    value = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID", value)
    value = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", value)
    return re.sub(r"^\d+s$", "AGE", value) if key == "cells" else value


def base_path(of, ns=NS):
    version = of["api_version"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return root + (f"/namespaces/{ns}" if of["namespaced"] else "") + f"/{of['plural']}"


def document(of, name, **more):
    body = copy.deepcopy(of["body"])
    metadata = {"name": name, "labels": {"suite": "conformance"}, **more}
    return {"apiVersion": of["api_version"], "kind": of["kind"], "metadata": metadata, **body}


def play_kind(player, of):
    base, k = base_path(of), of["kind"]

    def play(what, method, path, body=None, **options):
        return player.play(f"{k}: {what}", method, base + path, body, **options)

    play("create", "POST", "", document(of, "a"))
    play("create again", "POST", "", document(of, "a"))
    play("create without a name", "POST", "", {**document(of, "a"), "metadata": {}})
    play("create with a bad name", "POST", "", document(of, "Bad_Name/"))
    play("create with a bad label", "POST", "", document(of, "c", labels={"l": "a b"}))
    play("create for another kind", "POST", "", {**document(of, "c"), "kind": "Other"})
    play("create for another version", "POST", "", {**document(of, "c"), "apiVersion": "v9"})
    play("create, unknown field, strict", "POST", "?fieldValidation=Strict",
         {**document(of, "c"), "unknown": 1})
    play("create, unknown field, warned", "POST", "?dryRun=All", {**document(of, "c"),
                                                                 "unknown": 1})
    play("create, tried only", "POST", "?dryRun=All", document(of, "dry"))
    play("get", "GET", "/a")
    play("get what is not there", "GET", "/missing")
    play("get as a table", "GET", "/a", accept=TABLE)
    play("get the metadata", "GET", "/a", accept=PARTIAL)
    play("list by label", "GET", "?labelSelector=suite%3Dconformance")
    play("list by label, none", "GET", "?labelSelector=suite%21%3Dconformance%2Csuite")
    play("list by name", "GET", "?fieldSelector=metadata.name%3Da")
    play("list by an unknown field", "GET", "?fieldSelector=spec.nothing%3Da")
    play("list by a broken selector", "GET", "?labelSelector=a%3D%3D%3Db")
    play("list as a table", "GET", "?labelSelector=suite%3Dconformance", accept=TABLE)
    found = play("change", "PATCH", "/a", of["changed"], content_type=MERGE)
    stale = {**found, "metadata": {**found.get("metadata", {}), "resourceVersion": "1"}}
    play("replace from an old version", "PUT", "/a", stale)
    play("replace by the same", "PUT", "/a", found)
    play("replace under another name", "PUT", "/b", found)
    play("replace what is not there", "PUT", "/missing", document(of, "missing"))
    play("patch as JSON", "PATCH", "/a", [
        {"op": "add", "path": "/metadata/labels/added", "value": "1"}], content_type=JSON_PATCH)
    play("patch as JSON, test fails", "PATCH", "/a", [
        {"op": "test", "path": "/metadata/name", "value": "b"}], content_type=JSON_PATCH)
    play("patch as JSON, no such place", "PATCH", "/a", [
        {"op": "remove", "path": "/metadata/nothing"}], content_type=JSON_PATCH)
    play("patch strategically", "PATCH", "/a", {"metadata": {"labels": {"s": "1"}}},
         content_type=STRATEGIC)
    play("patch what is not there", "PATCH", "/missing", {}, content_type=MERGE)
    play("patch from an old version", "PATCH", "/a", {"metadata": {
        "resourceVersion": "1", "labels": {"q": "q"}}}, content_type=MERGE)
    play("patch of an unknown type", "PATCH", "/a", {}, content_type="text/plain")
    mine = document(of, "a", labels={"suite": "conformance", "mine": "1"})
    play("apply by nobody", "PATCH", "/a", mine, content_type=APPLY)
    play("apply", "PATCH", "/a?fieldManager=m&force=true", mine, content_type=APPLY)
    play("apply the same", "PATCH", "/a?fieldManager=m&force=true", mine, content_type=APPLY)
    other = document(of, "a", labels={"mine": "2"})
    play("apply against another", "PATCH", "/a?fieldManager=o", other, content_type=APPLY)
    less = document(of, "a", labels={"suite": "conformance"})
    play("apply less", "PATCH", "/a?fieldManager=m&force=true", less, content_type=APPLY)
    play("apply what is new", "PATCH", "/new?fieldManager=m", document(of, "new"),
         content_type=APPLY)
    play("delete another's", "DELETE", "/a", {"preconditions": {"uid": "no"}})
    play("hold by a finalizer", "PATCH", "/a", {"metadata": {"finalizers": ["example.org/f"]}},
         content_type=MERGE)
    play("delete while held", "DELETE", "/a", {"gracePeriodSeconds": 0})
    play("hold more while deleting", "PATCH", "/a", {"metadata": {
        "finalizers": ["example.org/f", "example.org/g"]}}, content_type=MERGE)
    play("let go", "PATCH", "/a", {"metadata": {"finalizers": None}}, content_type=MERGE)
    play("get after it went", "GET", "/a")
    play("delete", "DELETE", "/new", {"gracePeriodSeconds": 0})
    play("delete what is not there", "DELETE", "/missing")


def play_widgets(player):
    of = next(each for each in KINDS if each["kind"] == "Widget")
    base = base_path(of)

    def play(what, method, path, body=None, **options):
        return player.play(f"schema: {what}", method, base + path, body, **options)

    def widget(called, **spec):
        return {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": called},
                "spec": spec}

    play("a default is filled in", "POST", "", widget("w", size="small", free={"x": [1]}))
    play("a required field is missing", "POST", "", widget("v"))
    play("not one of the values", "POST", "", widget("v", size="huge"))
    play("a wrong type", "POST", "", widget("v", size=3))
    play("too small", "POST", "", widget("v", size="small", replicas=-1))
    play("too large", "POST", "", widget("v", size="small", replicas=11))
    play("too long", "POST", "", widget("v", size="small", name="abcdef"))
    play("no match", "POST", "", widget("v", size="small", name="A"))
    play("several at once", "POST", "", widget("v", size="huge", replicas=-1))
    play("too many", "POST", "", widget("v", size="small",
                                        parts=[{"name": c} for c in "abcd"]))
    play("the same key twice", "POST", "", widget("v", size="small",
                                                  parts=[{"name": "a"}, {"name": "a"}]))
    play("the same value twice", "POST", "", widget("v", size="small", tags=["a", "a"]))
    play("a required field of an item", "POST", "", widget("v", size="small",
                                                           parts=[{"weight": 1}]))
    play("unknown fields go", "POST", "", widget("u", size="small", nothing=1))
    play("a number or a text", "POST", "?dryRun=All", widget("v", size="small", port="a"))
    play("status on the main resource", "PATCH", "/w", {"status": {"phase": "x"}},
         content_type=MERGE)
    play("status on its own", "PATCH", "/w/status", {"status": {"phase": "x", "replicas": 1},
                                                     "spec": {"size": "large"}},
         content_type=MERGE)
    play("get the status", "GET", "/w/status")
    play("get the scale", "GET", "/w/scale")
    play("change the scale", "PATCH", "/w/scale", {"spec": {"replicas": 4}}, content_type=MERGE)
    play("the scale out of bounds", "PATCH", "/w/scale", {"spec": {"replicas": 40}},
         content_type=MERGE)
    play("apply an item of a list", "PATCH", "/w?fieldManager=one",
         widget("w", parts=[{"name": "a", "weight": 1}]), content_type=APPLY)
    play("apply another item", "PATCH", "/w?fieldManager=two",
         widget("w", parts=[{"name": "b", "weight": 2}]), content_type=APPLY)
    play("apply another's item", "PATCH", "/w?fieldManager=two",
         widget("w", parts=[{"name": "a", "weight": 9}]), content_type=APPLY)
    play("apply no item", "PATCH", "/w?fieldManager=one", widget("w"), content_type=APPLY)
    play("no such subresource", "GET", "/w/nothing")
    play("a generation is counted", "GET", "/w")
    play("replace without a version", "PUT", "/w", widget("w", size="small"))
    stated = widget("w", size="small") | {"status": {"phase": "y"}}
    play("replace the status without a version", "PUT", "/w/status", stated)
    stated["metadata"]["resourceVersion"] = "1"
    play("replace the status of another version", "PUT", "/w/status", stated)
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale",
             "metadata": {"name": "w", "namespace": NS}, "spec": {"replicas": 5}}
    play("replace the scale without a version", "PUT", "/w/scale", scale)
    scale["metadata"]["resourceVersion"] = "1"
    play("replace the scale of another version", "PUT", "/w/scale", scale)
    empty = widget("nothing", size="small", parts=[], tags=[])
    empty["metadata"] |= {"labels": {}, "annotations": {}, "finalizers": [], "ownerReferences": []}
    play("empty metadata", "POST", "", empty)
    play("delete all", "DELETE", "")
    play("list after", "GET", "")


def play_rest(player):
    def play(what, method, path, body=None, **options):
        return player.play(what, method, path, body, **options)

    base = f"/api/v1/namespaces/{NS}/configmaps"

    def config_map(name):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}

    for name in ("p1", "p2", "p3", "p4", "p5"):
        play(f"pages: create {name}", "POST", base, config_map(name))
    first = play("pages: first", "GET", f"{base}?limit=2")
    token = first.get("metadata", {}).get("continue", "")
    second = play("pages: second", "GET", f"{base}?limit=2&continue={token}")
    token = second.get("metadata", {}).get("continue", "")
    play("pages: last", "GET", f"{base}?limit=2&continue={token}")
    play("pages: a broken token", "GET", f"{base}?continue=abc")
    play("list: in the future", "GET", f"{base}?resourceVersion=99999999")
    play("list: no version", "GET", f"{base}?resourceVersion=abc")
    version = second["metadata"]["resourceVersion"]
    play("watch: a change that was", "GET",
         f"{base}?watch=1&resourceVersion={version}&timeoutSeconds=1&fieldSelector="
         "metadata.name%3Dnothing")
    play("watch: too old", "GET", f"{base}?watch=1&resourceVersion=1&timeoutSeconds=1"
         "&fieldSelector=metadata.name%3Dnothing")
    play("namespace: none of that name", "POST", "/api/v1/namespaces/nowhere/configmaps",
         config_map("a"))
    play("namespace: another one's", "POST", base,
         {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}})
    play("namespace: get", "GET", f"/api/v1/namespaces/{NS}")
    play("namespace: a bad name", "POST", "/api/v1/namespaces",
         {"metadata": {"name": "a.b"}, "kind": "Namespace", "apiVersion": "v1"})
    play("path: no such kind", "GET", f"/api/v1/namespaces/{NS}/nothings")
    play("path: no such group", "GET", "/apis/nothing.example.org/v1/things")
    play("path: no such version", "GET", "/apis/apps/v9/deployments")
    play("path: nothing", "GET", "/nothing")
    play("method: PUT on a collection", "PUT", base, config_map("a"))
    play("method: POST on an object", "POST", f"{base}/p1", config_map("p1"))
    play("method: PATCH on a collection", "PATCH", base, {}, content_type=MERGE)
    play("body: no JSON", "POST", base, "text")
    play("body: of protobuf", "POST", base, {}, content_type="application/vnd.example")
    play("accept: of nobody", "GET", f"{base}/p1", accept="image/png")
    play("dryRun: of an unknown kind", "POST", f"{base}?dryRun=Some", config_map("a"))
    play("data: a number", "POST", base, {**config_map("n"), "data": {"a": 1}})
    play("data: a list", "POST", base, {**config_map("n"), "data": [1]})
    immutable = {**config_map("frozen"), "immutable": True, "data": {"a": "1"}}
    play("immutable: create", "POST", base, immutable)
    play("immutable: change", "PATCH", f"{base}/frozen", {"data": {"a": "2"}}, content_type=MERGE)
    owner = play("owner: two controllers", "POST", base, {**config_map("o"), "metadata": {
        "name": "o", "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": n, "uid": n, "controller": True}
            for n in ("a", "b")]}})
    assert owner
    deployments = f"/apis/apps/v1/namespaces/{NS}/deployments"
    deployment = document(next(k for k in KINDS if k["kind"] == "Deployment"), "d")
    play("deployment: create", "POST", deployments, deployment)
    play("deployment: scale", "GET", f"{deployments}/d/scale")
    play("deployment: scale it", "PUT", f"{deployments}/d/scale", {
        "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d",
                                                                      "namespace": NS},
        "spec": {"replicas": 5}})
    play("deployment: scale it at another version", "PUT", f"{deployments}/d/scale", {
        "apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {"name": "d", "namespace": NS, "resourceVersion": "1"},
        "spec": {"replicas": 6}})
    play("deployment: replace the status", "PUT", f"{deployments}/d/status",
         deployment | {"status": {"replicas": 2, "observedGeneration": 1}})
    play("deployment: scale below nothing", "PATCH", f"{deployments}/d/scale",
         {"spec": {"replicas": -1}}, content_type=MERGE)
    play("deployment: status", "PATCH", f"{deployments}/d/status",
         {"status": {"replicas": 1, "readyReplicas": 1}}, content_type=MERGE)
    play("deployment: another selector", "PATCH", f"{deployments}/d",
         {"spec": {"selector": {"matchLabels": {"app": "y"}}}}, content_type=MERGE)
    wrong = copy.deepcopy(deployment)
    wrong["metadata"]["name"] = "e"
    wrong["spec"]["template"]["metadata"]["labels"] = {"app": "z"}
    play("deployment: labels that do not fit", "POST", deployments, wrong)
    wrong = copy.deepcopy(deployment)
    wrong["spec"]["template"]["spec"]["containers"] = []
    wrong["metadata"]["name"] = "e"
    play("deployment: no container", "POST", deployments, wrong)
    side = {"name": "side", "image": "i", "ports": [{"containerPort": 1}]}
    play("strategic: add a container", "PATCH", f"{deployments}/d",
         {"spec": {"template": {"spec": {"containers": [side]}}}}, content_type=STRATEGIC)
    play("strategic: change it", "PATCH", f"{deployments}/d",
         {"spec": {"template": {"spec": {"containers": [
             {"name": "side", "env": [{"name": "A", "value": "1"}]}]}}}}, content_type=STRATEGIC)
    play("strategic: delete it", "PATCH", f"{deployments}/d",
         {"spec": {"template": {"spec": {"containers": [
             {"name": "side", "$patch": "delete"}]}}}}, content_type=STRATEGIC)
    play("strategic: retain keys", "PATCH", f"{deployments}/d",
         {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
         content_type=STRATEGIC)
    play("strategic: without a key", "PATCH", f"{deployments}/d",
         {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}},
         content_type=STRATEGIC)
    play("stateful set: another name of its service", "POST",
         f"/apis/apps/v1/namespaces/{NS}/statefulsets",
         document(next(k for k in KINDS if k["kind"] == "StatefulSet"), "s"))
    play("stateful set: what may not change", "PATCH",
         f"/apis/apps/v1/namespaces/{NS}/statefulsets/s", {"spec": {"serviceName": "t"}},
         content_type=MERGE)
    jobs = f"/apis/batch/v1/namespaces/{NS}/jobs"
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
           "spec": {"template": {"spec": {**POD_SPEC, "restartPolicy": "Always"}}}}
    play("job: restarted always", "POST", jobs, job)
    services = f"/api/v1/namespaces/{NS}/services"
    headless = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "h"},
                "spec": {"clusterIP": "None", "selector": {"a": "b"}}}
    play("service: headless", "POST", services, headless)
    play("service: without ports", "POST", services, {**headless, "spec": {}})
    play("service: external", "POST", services, {
        **headless, "metadata": {"name": "x"},
        "spec": {"type": "ExternalName", "externalName": "example.org"}})
    dns = [{"name": "udp", "port": 53, "protocol": "UDP"}, {"name": "web", "port": 80},
           {"name": "tcp", "port": 53, "protocol": "TCP"}]
    play("service: a port twice", "POST", services, {
        **headless, "metadata": {"name": "dns"}, "spec": {**headless["spec"], "ports": dns}})
    play("strategic: change an item whose key comes twice", "PATCH", f"{services}/dns",
         {"spec": {"ports": [{"port": 53, "targetPort": 54}]}}, content_type=STRATEGIC)
    play("strategic: order what comes twice", "PATCH", f"{services}/dns",
         {"spec": {"$setElementOrder/ports": [{"port": 80}, {"port": 53}]}},
         content_type=STRATEGIC)
    play("strategic: order with what is new and without what is there", "PATCH",
         f"{services}/dns",
         {"spec": {"$setElementOrder/ports": [{"port": 81}, {"port": 80}],
                   "ports": [{"name": "new", "port": 81}]}}, content_type=STRATEGIC)
    play("strategic: delete an item whose key comes twice", "PATCH", f"{services}/dns",
         {"spec": {"ports": [{"port": 53, "$patch": "delete"}]}}, content_type=STRATEGIC)
    play("strategic: replace a list", "PATCH", f"{services}/dns",
         {"spec": {"ports": [{"$patch": "replace"}, {"name": "only", "port": 9}]}},
         content_type=STRATEGIC)
    values = [f"example.org/{name}" for name in "abcd"]
    play("strategic: values", "PATCH", f"{services}/dns",
         {"metadata": {"finalizers": values[:3]}}, content_type=STRATEGIC)
    play("strategic: more values", "PATCH", f"{services}/dns",
         {"metadata": {"finalizers": [values[3], values[1]]}}, content_type=STRATEGIC)
    play("strategic: order values", "PATCH", f"{services}/dns",
         {"metadata": {"$setElementOrder/finalizers": [values[3], values[0]]}},
         content_type=STRATEGIC)
    play("strategic: order values that others stand between", "PATCH", f"{services}/dns",
         {"metadata": {"$setElementOrder/finalizers": [values[1], values[3]]}},
         content_type=STRATEGIC)
    play("strategic: an order without what is new", "PATCH", f"{services}/dns",
         {"metadata": {"$setElementOrder/finalizers": [values[1]], "finalizers": ["x.org/e"]}},
         content_type=STRATEGIC)
    play("strategic: delete values", "PATCH", f"{services}/dns",
         {"metadata": {"$deleteFromPrimitiveList/finalizers": [values[0], values[2], "x"]}},
         content_type=STRATEGIC)
    play("strategic: no more values", "PATCH", f"{services}/dns",
         {"metadata": {"finalizers": None}}, content_type=STRATEGIC)
    for field, spec, metadata in [
            ("ports", {"ports": []}, {}), ("external IPs", {"externalIPs": []}, {}),
            ("labels", {}, {"labels": {}}),
            ("finalizers", {}, {"finalizers": []}), ("owners", {}, {"ownerReferences": []})]:
        play(f"apply empty {field}", "PATCH", f"{services}/empty?fieldManager={field[:3]}", {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "empty", **metadata},
            "spec": {**headless["spec"], **spec}}, content_type=APPLY)
    play("deployment: a volume that is not there", "PATCH", f"{deployments}/d",
         {"spec": {"template": {"spec": {"containers": [
             {"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/v"},
                                               {"name": "w", "mountPath": "/w"}]}]}}}},
         content_type=STRATEGIC)
    play("deployment: limits are no requests", "PATCH", f"{deployments}/d",
         {"spec": {"template": {"spec": {"containers": [
             {"name": "main", "resources": {"limits": {"cpu": "1500m", "memory": "1024Mi"}}},
             {"name": "new", "image": "i", "resources": {"limits": {"cpu": 1}}}]}}}},
         content_type=STRATEGIC)
    play("deployment: a strategy in two minds", "PATCH", f"{deployments}/d",
         {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}},
         content_type=STRATEGIC)
    play("strategic: retain less than there is", "PATCH", f"{deployments}/d",
         {"spec": {"strategy": {"$retainKeys": ["rollingUpdate"], "type": "Recreate"}}},
         content_type=STRATEGIC)
    play("strategic: merge as a directive", "PATCH", f"{deployments}/d",
         {"spec": {"template": {"spec": {"containers": [
             {"name": "main", "$patch": "merge", "image": "x"}]}}}}, content_type=STRATEGIC)
    for what, body, kind_of_patch in [
            ("merge", {"metadata": {"name": None}}, MERGE),
            ("merge all", {"metadata": None}, MERGE),
            ("JSON", [{"op": "remove", "path": "/metadata/name"}], JSON_PATCH),
            ("strategic", {"metadata": {"name": None}}, STRATEGIC)]:
        play(f"a name taken away: {what}", "PATCH", f"{deployments}/d", body,
             content_type=kind_of_patch)
    play("a name left out", "PUT", f"{services}/dns", {**headless, "metadata": {}})
    for manager in ("first", "second"):
        play(f"apply what is there already: {manager}", "PATCH",
             f"{services}/noted?fieldManager={manager}",
             {**headless, "metadata": {"name": "noted"}}, content_type=APPLY)
    # Where items go that some state, others state in another order, and some no longer.
    chance = random.Random(1)
    for step in range(30):
        manager = chance.choice(["one", "two", "three"])
        ports = chance.sample(range(1, 10), chance.randint(1, 6))
        finalizers = chance.sample("abcdefg", chance.randint(0, 5))
        play(f"apply order {step}: {manager} {ports} {''.join(finalizers)}", "PATCH",
             f"{services}/order?fieldManager={manager}&force=true", {
                 **headless, "metadata": {"name": "order", "finalizers": [
                     f"example.org/{name}" for name in finalizers]},
                 "spec": {**headless["spec"], "ports": [
                     {"name": f"p{port}", "port": port, "protocol": "TCP"} for port in ports]}},
             content_type=APPLY)
    for path in ("/api", "/apis/apps", "/apis/example.org", "/apis/example.org/v1",
                 "/healthz", "/apis/coordination.k8s.io"):
        play(f"discovery: {path}", "GET", path)


def play_all(player, wait_for_crd):
    """Every interaction; `wait_for_crd()` returns once widgets are served."""
    player.send("POST", "/api/v1/namespaces", {
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})
    player.send("POST", f"/api/v1/namespaces/{NS}/serviceaccounts", {
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})
    player.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", WIDGET_CRD)
    wait_for_crd()
    for of in KINDS:
        play_kind(player, of)
    play_widgets(player)
    play_rest(player)
    return player.replies
