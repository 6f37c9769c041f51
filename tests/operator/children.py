"""What controllers make of manifests, as JSON that is the same on every run and every cluster: all
objects that have an owner, and NodeClaims; without status, identities, addresses and times."""

import json
import os
import re
from pathlib import Path

import golden
from support import ROOT, conditions, is_ready

EXAMPLE = ROOT / "examples/scale23x/manifests"
# Their children are made by controllers of their own (Argo, cert-manager, Istio, External
# Secrets), which no test cluster has.
FOREIGN = ("Rollout", "WorkflowTemplate", "CronWorkflow", "Certificate", "ExternalSecret",
           "DestinationRule")
KINDS = (*golden.CHILD_KINDS, "ReplicaSet", "Pod", "ControllerRevision", "EndpointSlice", "Secret")
IDENTITY = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields",
            "deletionGracePeriodSeconds", "deletionTimestamp")
LOST_NODE = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
HASHES = ("pod-template-hash", "controller-revision-hash", "controller.kubernetes.io/hash")
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def built(cluster, folders):
    """The objects of kustomizations, without those of FOREIGN; kubectl builds them."""
    found = []
    for folder in folders:
        text = without_foreign(cluster.kubectl("kustomize", folder))
        if text.strip():
            found += documents_of(cluster.kubectl(
                "create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-",
                text=text))
    return found


def documents_of(text):
    """Of JSON texts one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found += document["items"] if document["kind"] == "List" else [document]
        text = text[end:]
    return found


def without_foreign(text):
    kinds = "|".join(FOREIGN)
    parts = re.split(r"^---$", text, flags=re.MULTILINE)
    return "\n---\n".join(part for part in parts
                          if not re.search(rf"^kind: ({kinds})$", part, re.MULTILINE))


def apply(cluster, documents):
    cluster.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(
        {"apiVersion": "v1", "kind": "List", "items": documents}))


def unready(api, documents):
    """Names of what was applied and is not ready."""
    told = []
    for each in documents:
        kind, name = each["kind"], each["metadata"]["name"]
        if each["apiVersion"].startswith("kaito.sh/"):
            found = api.get(kind, name, "default")
            if not is_ready({"kind": kind, **found}):
                told.append(f"{kind} {name}: {conditions(found)}")
        elif kind in ("Deployment", "StatefulSet"):
            found = api.get(kind, name, "default")
            wanted = found["spec"]["replicas"]
            if found.get("status", {}).get("readyReplicas", 0) != wanted:
                told.append(f"{kind} {name}: {found.get('status')}")
    return told


def collected(api):
    """{"Kind name of OwnersKind": object}: of `default`, and NodeClaims."""
    found = []
    for kind in KINDS:
        namespace = None if kind in ("NodeClaim", "NodePool", "ModelMirror") else "default"
        for item in api.list(kind, namespace):
            if item["metadata"].get("ownerReferences") or kind == "NodeClaim":
                found.append({"kind": kind, **item})
    return named(normal(found))


def normal(found):
    text = json.dumps([stripped(each) for each in found])
    for name, stem in sorted(generated_names(found).items(), key=lambda item: -len(item[0])):
        text = re.sub(rf"\b{re.escape(name)}\b", f"{stem}GENERATED", text)
    text = re.sub(UUID, "UID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", text)
    text = re.sub(r'("rage.dev/applied": )"[^"]*"', r'\1"HASH"', text)
    return json.loads(text)


def generated_names(found):
    """name -> its part that is not random"""
    names = golden.generated_names(found)
    for each in found:
        metadata = each["metadata"]
        if metadata.get("ownerReferences", [{}])[0].get("kind") == "StatefulSet":
            names.pop(metadata["name"], None)  # Its pods are counted.
        labels = metadata.get("labels", {})
        for key in HASHES:
            if key in labels:
                names[labels[key]] = ""
        if each["kind"] == "ControllerRevision":
            names[metadata["name"]] = f"{metadata['ownerReferences'][0]['name']}-"
        if each["kind"] == "EndpointSlice":
            names[metadata["name"]] = f"{labels['kubernetes.io/service-name']}-"
    return names


def stripped(item):
    item = json.loads(json.dumps(item))
    item.pop("status", None)
    item.pop("apiVersion", None)  # Lists leave it out.
    metadata = item["metadata"]
    for key in IDENTITY:
        metadata.pop(key, None)
    spec = item.get("spec", {})
    if item["kind"] == "Service":
        for key in ("clusterIP", "clusterIPs"):
            if spec.get(key) not in (None, "None", ["None"]):
                spec.pop(key)
    if item["kind"] == "Pod":
        spec.pop("nodeName", None)
        remove_admissions(spec)
    for endpoint in item.get("endpoints") or ():
        endpoint["addresses"] = len(endpoint["addresses"])
        endpoint.pop("nodeName", None)
    if item["kind"] == "EndpointSlice":
        metadata.pop("generateName", None)
        metadata.pop("annotations", None)  # When it changed last.
        item["ports"] = sorted(item.get("ports") or [], key=lambda port: port["name"])
    if item["kind"] == "NodeClaim":
        metadata.pop("finalizers", None)  # The provisioner's, not a controller's of ours.
    if item["kind"] == "ControllerRevision":
        item.pop("data")  # The template once more.
    return item


def remove_admissions(spec):
    """What the real API server's admission plug-ins add to every pod: the service account's token,
    and how long it stays on a node that is lost. Here no node would honour them."""
    for each in (spec, *spec["containers"], *spec.get("initContainers", ())):
        for key in ("volumes", "volumeMounts"):
            keep_if(each, key, lambda one: not one["name"].startswith("kube-api-access-"))
    keep_if(spec, "tolerations", lambda one: one.get("tolerationSeconds") != 300
            or one["key"] not in LOST_NODE)


def keep_if(document, key, wanted):
    """Of a list; one that is empty then goes."""
    if key in document:
        document[key] = [each for each in document[key] if wanted(each)]
        if not document[key]:
            del document[key]


def named(found):
    """Of several with one name, each its number."""
    result = {}
    for item in sorted(found, key=lambda each: json.dumps(each, sort_keys=True)):
        owners = item["metadata"].get("ownerReferences")
        of = f" of {owners[0]['kind']}" if owners else ""
        key = f"{item['kind']} {item['metadata']['name']}{of}"
        count = sum(each == key or each.startswith(f"{key} #") for each in result)
        result[f"{key} #{count + 1}" if count else key] = item
    return dict(sorted(result.items()))


def demo_folder():
    """Manifests of the demo that the example retells: a folder beside the checkout, or None."""
    told = os.environ.get("RAGE_DEMO_MANIFESTS")
    beside = ROOT.parent / "shared/data/scale23x-demo/manifests/apps"
    if told:
        return Path(told)
    return beside if beside.exists() else None


def sets():
    """{name: folders to build}"""
    found = {"example": [EXAMPLE, EXAMPLE / "chat/overlays/rag"]}
    demo = demo_folder()
    if demo:
        parts = ("inference", "gateway", "ragengine", "chat/overlays/rag", "schedule", "o11y",
                 "secrets")
        found["demo"] = [demo / part for part in parts]
    return found


def record_path(name):
    return ROOT / f"tests/operator/golden/children-{name}.jsonl"


def recorded(name):
    """What `collected` gave on the real Kubernetes."""
    return dict(json.loads(line) for line in record_path(name).read_text().splitlines())


def record(name, children):
    with open(record_path(name), "w") as out:
        for pair in children.items():
            out.write(json.dumps(pair, separators=(",", ":"), sort_keys=True) + "\n")
