"""`rage node` beside `rage apiserver`, each a process of its own, for tests of pods that run."""

import json
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from embedded import BINARY, Embedded, wait_until


class Node:
    """`rage node` beside an embedded API server."""

    def __init__(self, cluster, data):
        self.cluster = cluster
        self.data = data
        self.process = None
        self.start()

    def start(self):
        log = open(self.cluster.folder / "node.log", "a")
        self.process = subprocess.Popen(
            [BINARY, "node", "--kubeconfig", str(self.cluster.folder / "kubeconfig"),
             "--data", str(self.data), "--restart-delay-ms", "300"],
            stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True)
        log.close()
        if not re.search("ready as local", self.process.stdout.readline()):
            raise AssertionError("rage node did not start:\n" + self.log_tail())

    def log_tail(self):
        return (self.cluster.folder / "node.log").read_text()[-4000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        if code != 0:
            raise AssertionError(f"rage node ended with {code}:\n{self.log_tail()}")


class WithNode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="rage-node-")
        cls.addClassCleanup(folder.cleanup)
        cls.data = Path(folder.name)
        cls.cluster = Embedded(arguments=["--node-data", folder.name])
        cls.addClassCleanup(cls.cluster.stop)
        cls.node = Node(cls.cluster, cls.data)
        cls.addClassCleanup(lambda: cls.node.stop())
        cls.kubectl = cls.cluster.kubectl

    def setUp(self):
        self.ns = f"t-{self._testMethodName.replace('_', '-')[5:40]}".rstrip("-")
        self.cluster.create("Namespace", self.ns)

    def apply(self, *documents):
        for document in documents:
            document["metadata"]["namespace"] = self.ns
            self.kubectl("create", "-f", "-", text=json.dumps(document))

    def a_pod(self, name, container, **spec):
        container = {"name": "c", "image": "busybox", **container}
        return {"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": name, "labels": {"app": name}},
                "spec": {"nodeName": "local", "containers": [container],
                         "terminationGracePeriodSeconds": 5, **spec}}

    def script(self, text, **more):
        return {"command": ["/bin/sh", "-c"], "args": [text], **more}

    def pod(self, name):
        return json.loads(self.kubectl("-n", self.ns, "get", "pod", name, "-o", "json"))

    def container(self, name):
        return self.pod(name).get("status", {}).get("containerStatuses", [{}])[0]

    def wait_phase(self, name, phase, seconds=30):
        return wait_until(lambda: self.pod(name).get("status", {}).get("phase") == phase,
                          f"{name} is {phase}: {self.pod(name).get('status')}", seconds)

    def wait_ready(self, name, seconds=60):
        wait_until(lambda: any(c["type"] == "Ready" and c["status"] == "True"
                               for c in self.pod(name).get("status", {}).get("conditions", [])),
                   f"{name} is ready", seconds)

    def logs(self, name, *more):
        return self.kubectl("-n", self.ns, "logs", name, *more)

    def kubectl_process(self, *arguments, **more):
        return subprocess.Popen(
            [str(self.cluster.kubectl_path), "--kubeconfig",
             str(self.cluster.folder / "kubeconfig"), "-n", self.ns, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
