"""The talk's manifests, ours and the demo's that they retell (RAGE_DEMO_MANIFESTS, or the folder
beside the checkout), unchanged on ordered (fake) nodes: all become Ready, and what controllers make
of them is in golden/children-*.jsonl, which tests/cluster compares with the embedded platform.
RAGE_WRITE_GOLDEN=1 writes these anew."""

import os
import re
import time
import unittest
from pathlib import Path

import children
from support import (
    READY, ClusterTest, NodeProvisioner, create_nodes, fake_node, is_ready, need_crds,
    need_operator, skip_loudly, wait_until,
)

PROVISIONER = "azure-gpu-provisioner"
SETTLED_SECONDS = 5


def our_documents(folder):
    """The text of each document of kaito.sh below `folder`, with its kind and name."""
    for path in sorted(Path(folder).rglob("*.y*ml")):
        for text in re.split(r"^---.*$", path.read_text(), flags=re.MULTILINE):
            if re.search(r"^apiVersion: kaito\.sh/", text, re.MULTILINE):
                kind = re.search(r"^kind: (\w+)", text, re.MULTILINE)[1]
                name = re.search(r"^metadata:\n(?:  .*\n)*?  name: (\S+)", text, re.MULTILINE)[1]
                yield kind, name, text


class TalkTest(ClusterTest):
    """A cluster with an operator that orders nodes."""

    crds = ("karpenter", "inference", "gateway")

    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        super().setUpClass()
        create_nodes(cls.api, [fake_node("services", "Standard_D8s_v5")])
        cls.addClassCleanup(NodeProvisioner(cls.cluster.folder).start().stop)
        cls.run_operator(provisioner=PROVISIONER)


class Demo(TalkTest):
    @classmethod
    def setUpClass(cls):
        folder = children.demo_folder()
        if not folder:
            skip_loudly("RAGE_DEMO_MANIFESTS names no folder with manifests")
        cls.documents = list(our_documents(folder))
        super().setUpClass()

    def test_every_manifest_applies_unchanged_and_becomes_ready(self):
        self.assertTrue(self.documents, "the folder has no documents of kaito.sh")
        everything = "\n---\n".join(text for _, _, text in self.documents)
        self.cluster.kubectl("apply", "-f", "-", text=everything)
        for kind, name, _ in self.documents:
            wait_until(
                lambda kind=kind, name=name: is_ready(self.api.get(kind, name, "default")),
                lambda kind=kind, name=name: (
                    f"{kind} {name} is {READY[kind][0]}:"
                    f" {self.api.get(kind, name, 'default').get('status')}"
                ),
                seconds=60,
            )
        # Applied again, nothing changes: no fight between what is applied and what is reconciled.
        again = self.cluster.kubectl("apply", "-f", "-", text=everything)
        self.assertEqual(len(re.findall("unchanged", again)), len(self.documents), again)


class Children:
    name = ""

    def test_children_are_as_golden(self):
        folders = children.sets().get(self.name)
        if not folders:
            skip_loudly("RAGE_DEMO_MANIFESTS names no folder with manifests")
        documents = children.built(self.cluster, folders)
        children.apply(self.cluster, documents)
        wait_until(lambda: not children.unready(self.api, documents),
                   lambda: children.unready(self.api, documents), 90)
        found = self.settled()
        if os.environ.get("RAGE_WRITE_GOLDEN") == "1":
            children.record(self.name, found)
        recorded = children.recorded(self.name)
        self.assertEqual(list(recorded), list(found))
        for key, child in recorded.items():
            self.assertEqual(child, found[key], key)

    def settled(self):
        """Once nothing has changed for a while."""
        found, since = children.collected(self.api), time.monotonic()
        while time.monotonic() - since < SETTLED_SECONDS:
            time.sleep(0.5)
            now = children.collected(self.api)
            if now != found:
                found, since = now, time.monotonic()
        return found


class ChildrenOfTheExample(Children, TalkTest):
    name = "example"


class ChildrenOfTheDemo(Children, TalkTest):
    name = "demo"


if __name__ == "__main__":
    unittest.main()
