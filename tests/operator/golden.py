"""What the operator made, as text that is the same on every run: only the fields that it owns
(metadata.managedFields), without identities, times and generated names."""

import collections
import json
import re

from support import MANAGER

CHILD_KINDS = (
    "ModelMirror", "InferenceSet", "Workspace", "StatefulSet", "Deployment", "Job", "CronJob",
    "Service", "ConfigMap", "PersistentVolumeClaim", "InferencePool", "ServiceAccount", "Role",
    "RoleBinding", "PodDisruptionBudget", "NodeClaim", "NodePool",
)
NAMESPACE_LABELS = ("kaito.sh/workspacenamespace", "kaito.sh/ragenginenamespace",
                    "karpenter.kaito.sh/workspace-namespace")


def merged(left, right):
    return {
        key: merged(left.get(key, {}), right.get(key, {})) for key in {**left, **right}
    }


def owned_fields(document):
    """The union of what the operator's entries in managedFields say; {} if it owns nothing."""
    fields = {}
    for entry in document["metadata"].get("managedFields", []):
        if entry["manager"] == MANAGER and entry.get("subresource") != "status":
            fields = merged(fields, entry.get("fieldsV1", {}))
    return fields


def pick(value, fields):
    """The part of `value` that `fields` (fieldsV1) names, in the order of `value`."""
    named = {key: inner for key, inner in fields.items() if key != "."}
    if not named:
        return value
    if isinstance(value, dict):
        return {
            key: pick(inner, named[f"f:{key}"])
            for key, inner in value.items()
            if f"f:{key}" in named
        }
    if isinstance(value, list):
        return [
            pick(item, inner) for item in value for key, inner in named.items() if names(key, item)
        ]
    return value


def names(key, item):
    kind, text = key.split(":", 1)
    wanted = json.loads(text)
    if kind == "k":
        return isinstance(item, dict) and all(item.get(k) == v for k, v in wanted.items())
    return kind == "v" and item == wanted


def namespace_of(document):
    metadata = document["metadata"]
    if metadata.get("namespace"):
        return metadata["namespace"]
    if document["kind"] == "ModelMirror":
        return document["spec"].get("jobNamespace")
    labels = metadata.get("labels", {})
    return next((labels[key] for key in NAMESPACE_LABELS if key in labels), None)


def render(owners, children):
    """One text a namespace: the status of what was asked for, then what the operator made; what
    replicas have alike is there once, with a count."""
    parts = [summary(owner) for owner in owners]
    for child in children:
        fields = owned_fields(child)
        if fields and child["metadata"]["uid"] not in {o["metadata"]["uid"] for o in owners}:
            found = pick(child, fields)
            found.get("metadata", {}).pop("finalizers", None)
            head = {"name": child["metadata"]["name"]}
            found["metadata"] = {**head, **found.get("metadata", {})}
            parts.append({"apiVersion": child["apiVersion"], "kind": child["kind"], **found})
    namespace = namespace_of(owners[0]) if owners else ""
    text = json.dumps(parts)
    for name, stem in generated_names(children).items():
        text = re.sub(rf"\b{re.escape(name)}\b", f"{stem}GENERATED", text)
    text = re.sub(r'"(uid|rage.dev/claim-uid)": "[0-9a-f-]{36}"', r'"\1": "UID"', text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", text)
    # A hash over everything in the object, identities included.
    text = re.sub(r'("rage.dev/applied": )"[^"]*"', r'\1"HASH"', text)
    parts = collections.Counter(json.dumps(part) for part in json.loads(text))
    parts = [
        {**json.loads(part), **({"times": count} if count > 1 else {})}
        for part, count in parts.items()
    ]
    out = "\n---\n".join(yaml_of(part) for part in sorted(parts, key=order)) + "\n"
    return out.replace(namespace, "NAMESPACE") if namespace else out


def order(part):
    kinds = ("status of", *CHILD_KINDS)
    kind = "status of" if "status of" in part else part["kind"]
    return kinds.index(kind), json.dumps(part)


def summary(owner):
    status = owner.get("status", {})
    facts = {
        key: status[key]
        for key in ("state", "targetNodeCount", "replicas", "readyReplicas", "phase", "documents")
        if key in status
    }
    facts["conditions"] = {
        each["type"]: f"{each['status']} {each['reason']}" for each in status.get("conditions", [])
    }
    return {"status of": f"{owner['kind']} {owner['metadata']['name']}", **facts}


def generated_names(children):
    """name -> its part that is not random"""
    found = {}
    for child in children:
        metadata = child["metadata"]
        stem = metadata.get("generateName") or ("ws-" if child["kind"] == "NodeClaim" else None)
        if child["kind"] == "Workspace":  # Of a set: named after the set and its UID.
            created_by = metadata.get("labels", {}).get("inferenceset.kaito.sh/created-by")
            stem = stem or (f"{created_by}-" if created_by else None)
        if stem:
            found[metadata["name"]] = stem
    return found


PLAIN = re.compile(r"[A-Za-z/_$][\w./@$+=-]*( [\w./@$+=-]+)*")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def yaml_of(value, indent=0):
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "\n".join(
            f"{pad}{scalar(key)}:{nested(value[key], indent)}" for key in sorted_keys(value)
        )
    if isinstance(value, list) and value:
        return "\n".join(f"{pad}-{item_of(item, indent)}" for item in value)
    return pad + scalar(value)


def sorted_keys(value):
    first = ("status of", "times", "apiVersion", "kind", "metadata", "name")
    return sorted(value, key=lambda key: (first.index(key) if key in first else 9, key))


def item_of(value, indent):
    if isinstance(value, (dict, list)) and value:
        return " " + yaml_of(value, indent + 1).lstrip()
    return text_of(value, indent)


def nested(value, indent):
    if isinstance(value, (dict, list)) and value:
        return "\n" + yaml_of(value, indent + (isinstance(value, dict)))
    return text_of(value, indent)


def text_of(value, indent):
    """Behind a key or a dash; several lines as a block."""
    if isinstance(value, str) and "\n" in value and not value.startswith((" ", "\n")):
        chomp = "" if value.endswith("\n") and not value.endswith("\n\n") else "-"
        if chomp == "" or not value.endswith("\n"):
            pad = "  " * (indent + 1)
            lines = value.rstrip("\n").split("\n")
            return f" |{chomp}\n" + "\n".join(pad + line if line else "" for line in lines)
    return " " + scalar(value)


def scalar(value):
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
