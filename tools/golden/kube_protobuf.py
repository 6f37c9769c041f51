#!/usr/bin/env python3
"""Writes src/kubeobjects/data/protobuf.inc: how Kubernetes' built-in kinds look as protobuf, and
which of their fields JSON has even when they are empty, out of the Go types that both are made of.

usage: tools/golden/kube_protobuf.py GOMODCACHE
where `go mod download` in tests/support/cluster/modules/kube, which pins the hashes, has put
k8s.io/api and k8s.io/apimachinery.

A message is a line with its name, then one line a field: NUMBER NAME TYPE. The name "." is a field
whose own fields stand in the JSON of the message around it. A type is s(tring), b(ytes), i(nteger),
t(ruth), d(ouble), or a message; before it "*" if it may be absent, "[]" if it is repeated, "{}" if
it is a map from strings; "!" behind it if JSON has it even when it is zero.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "src/kubeobjects/data/protobuf.inc"
ROOTS = """
core/v1: Binding ConfigMap Endpoints Event Namespace Node PersistentVolume PersistentVolumeClaim Pod
 Secret Service ServiceAccount
admissionregistration/v1: MutatingWebhookConfiguration ValidatingWebhookConfiguration
apps/v1: ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet
authorization/v1: LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview
 SubjectAccessReview
autoscaling/v1: Scale
batch/v1: CronJob Job
coordination/v1: Lease
discovery/v1: EndpointSlice
meta/v1: DeleteOptions
policy/v1: Eviction PodDisruptionBudget
rbac/v1: ClusterRole ClusterRoleBinding Role RoleBinding
storage/v1: StorageClass
"""
# Messages whose JSON is no object of their fields: protobuf.cc knows them.
SPECIAL = {
    "k8s.io/apimachinery/pkg/api/resource.Quantity": "Quantity",
    "k8s.io/apimachinery/pkg/util/intstr.IntOrString": "IntOrString",
    "k8s.io/apimachinery/pkg/apis/meta/v1.Time": "Time",
    "k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime": "MicroTime",
    "k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1": "Raw",
    "k8s.io/apimachinery/pkg/runtime.RawExtension": "Raw",
}
SCALARS = {"string": "s", "bool": "t", "int32": "i", "int64": "i", "int": "i", "uint32": "i",
           "float64": "d", "types.UID": "s", "types.NodeName": "s"}
FIELD = re.compile(r"^\t(?:(\w+)\s+)?([\w.*\[\]]+)\s+`(.*)`")


class Package:
    """The types of one Go package."""

    def __init__(self, folder):
        self.structs, self.names, self.imports = {}, {}, {}
        for file in sorted(folder.glob("*.go")):
            if file.name.endswith(("_test.go", ".pb.go")) or file.name.startswith("zz_"):
                continue
            self._read(file.read_text())

    def _read(self, text):
        for alias, path in re.findall(r'^\t(?:(\w+) )?"([^"]+)"$', text, re.M):
            self.imports[alias or path.rsplit("/", 1)[-1]] = path
        for name, kind in re.findall(r"^type (\w+) ([\w.\[\]]+)$", text, re.M):
            self.names[name] = kind
        for name, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
            found = [FIELD.match(line) for line in body.splitlines()]
            self.structs[name] = [match.groups() for match in found if match]


class Table:
    def __init__(self, modules):
        self._modules = modules
        self._packages = {}
        self.messages = {}

    def _package(self, path):
        if path not in self._packages:
            module, _, folder = path.removeprefix("k8s.io/").partition("/")
            found = sorted(self._modules.glob(f"k8s.io/{module}@*"))
            self._packages[path] = Package(found[-1] / folder)
        return self._packages[path]

    def need(self, path, name):
        """Its name in the table."""
        if f"{path}.{name}" in SPECIAL:
            return SPECIAL[f"{path}.{name}"]
        short = ".".join([*path.split("/")[-2:], name])
        if short not in self.messages:
            self.messages[short] = []
            fields = self._package(path).structs[name]
            self.messages[short] = sorted(
                line for line in (self._field(path, *field) for field in fields) if line)
        return short

    def _field(self, path, _, go_type, tags):
        tag = re.search(r'protobuf:"(\w+),(\d+)', tags)
        if not tag:
            return None  # TypeMeta: the envelope has it.
        json = re.search(r'json:"([^"]*)"', tags)[1].split(",")
        inline = "inline" in json[1:]
        prefix = "*" if go_type.startswith("*") else ""
        kind = self._kind(path, go_type.removeprefix("*"))
        always = "omitempty" not in json[1:] and "omitzero" not in json[1:]
        return int(tag[2]), "." if inline else json[0], prefix + kind + ("!" if always else "")

    def _kind(self, path, go_type):
        if go_type == "[]byte":
            return "b"
        if go_type.startswith("[]"):
            return "[]" + self._kind(path, go_type[2:].removeprefix("*"))
        if go_type.startswith("map["):
            return "{}" + self._kind(path, go_type.split("]", 1)[1])
        if go_type in SCALARS:
            return SCALARS[go_type]
        alias, _, name = go_type.rpartition(".")
        home = self._package(path).imports[alias] if alias else path
        if name == "ExtraValue":
            return "Items"  # A list that is a message of its own.
        package = self._package(home)
        if f"{home}.{name}" not in SPECIAL and name in package.names:
            return self._kind(home, package.names[name])
        return self.need(home, name)


def main():
    table = Table(Path(sys.argv[1]))
    for line in ROOTS.replace("\n ", " ").strip().splitlines():
        group, kinds = line.split(": ")
        base = "k8s.io/apimachinery/pkg/apis" if group.startswith("meta") else "k8s.io/api"
        for kind in kinds.split():
            table.need(f"{base}/{group}", kind)
    blocks = []
    for name, fields in sorted(table.messages.items()):
        lines = "\n".join(" ".join(map(str, field)) for field in fields)
        blocks.append(f'R"({name}\n{lines}\n)"')
    OUT.write_text("// Written by tools/golden/kube_protobuf.py.\n" + "\n".join(blocks) + "\n")
    print(f"{len(table.messages)} messages, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
