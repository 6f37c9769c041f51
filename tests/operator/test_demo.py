"""Manifests that were written for KAITO, unchanged: RAGE_DEMO_MANIFESTS names their folder. Only
the documents of kaito.sh are applied; each must become Ready on ordered (fake) nodes."""

import os
import re
import unittest
from pathlib import Path

from support import (
    READY, ClusterTest, NodeProvisioner, create_nodes, fake_node, is_ready, need_crds,
    need_operator, skip_loudly, wait_until,
)


def our_documents(folder):
    """The text of each document of kaito.sh below `folder`, with its kind and name."""
    for path in sorted(Path(folder).rglob("*.y*ml")):
        for text in re.split(r"^---.*$", path.read_text(), flags=re.MULTILINE):
            if re.search(r"^apiVersion: kaito\.sh/", text, re.MULTILINE):
                kind = re.search(r"^kind: (\w+)", text, re.MULTILINE)[1]
                name = re.search(r"^metadata:\n(?:  .*\n)*?  name: (\S+)", text, re.MULTILINE)[1]
                yield kind, name, text


class Demo(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = os.environ.get("RAGE_DEMO_MANIFESTS")
        if not folder:
            skip_loudly("RAGE_DEMO_MANIFESTS names no folder with manifests")
        need_crds()
        need_operator()
        cls.documents = list(our_documents(folder))
        super().setUpClass()
        create_nodes(cls.api, [fake_node("services", "Standard_D8s_v5")])
        cls.addClassCleanup(NodeProvisioner(cls.cluster.folder).start().stop)
        cls.run_operator(provisioner="azure-gpu-provisioner")

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


if __name__ == "__main__":
    unittest.main()
