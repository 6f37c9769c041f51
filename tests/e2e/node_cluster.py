"""A Kubernetes with a real node (tests/support/cluster/up.sh --node), our images and our chart."""

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/operator"))
from support import CACHE, Api, Cluster, free_ports, wait_until  # noqa: E402, F401

IMAGES = ROOT / "build/images"
SCHEDULE = json.loads((ROOT / "examples/scale23x/schedule_index.json").read_text())
CHART = ROOT / "deploy/charts/rage"
HELM = CACHE / "cluster/bin/helm"
KUBE = CACHE / "cluster/bin/kube-apiserver"
ENVOY = CACHE / "envoy/envoy"
TOOLS = ("containerd", "ctr", "runc", "iptables", "iptables-save", "umoci", "skopeo", "ip", "gcc")
SOCKET = "/run/rage-test/containerd.sock"
RELEASE = "kaito-workspace"  # The namespace of the operator, as KAITO's is called.
VERSION = re.search(r"^project\(rage VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(),
                    re.MULTILINE)[1]


def why_not():
    """What this machine lacks for a real node; "" if nothing."""
    if os.geteuid() != 0:
        return "a node needs root"
    lacking = [tool for tool in TOOLS if not shutil.which(tool)]
    if lacking or not Path("/usr/lib/cni/bridge").exists():
        return f"not installed: {' '.join(lacking) or 'containernetworking-plugins'}"
    for path in (HELM, KUBE, ENVOY, IMAGES / "rage.tar", IMAGES / "rage-llamacpp.tar"):
        if not path.exists():
            return f"there is no {path.name}: make e2e builds it"
    if Path("/run/rage-test").exists() or Path("/sys/class/net/ragetest1").exists():
        return "another test node runs on this machine (/run/rage-test, ragetest1)"
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True)
    if rules.returncode != 0:
        return f"iptables does not work: {rules.stderr.strip()}"
    if "KUBE-" in rules.stdout:
        return "this machine is a Kubernetes node already (iptables)"
    probe = ["ip", "link", "add", "ragetest9", "type", "bridge"]
    if subprocess.run(probe, capture_output=True).returncode != 0:
        return "the kernel makes no bridges (a container without NET_ADMIN?)"
    subprocess.run(["ip", "link", "del", "ragetest9"], check=True)
    memory_kib = int(re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())[1])
    return "less than 4 GB of memory are free" if memory_kib < 4 << 20 else ""


class NodeCluster(Cluster):
    """One real node, `node1`, and an audit log of what the operator asks for."""

    @staticmethod
    def _arguments(crds, audit):
        crds = [str(CACHE / "cluster/crds" / name) for name in ("inference", "gateway")]
        return ["--node", "--audit", *(word for crd in crds for word in ("--crds", crd))]

    @classmethod
    def attach(cls, folder):
        """The cluster that an earlier run left there."""
        cluster = cls.__new__(cls)
        cluster.folder = Path(folder)
        cluster._folder = cluster.folder.parent
        cluster.api = Api(cluster.folder)
        return cluster

    def import_image(self, name):
        image = f"ghcr.io/rage/{name}"
        self.ctr("images", "import", "--base-name", image, IMAGES / f"{name}.tar")
        return image

    def ctr(self, *arguments):
        done = subprocess.run(
            ["ctr", "-a", SOCKET, "-n", "k8s.io", *map(str, arguments)],
            capture_output=True, text=True,
        )
        if done.returncode != 0:
            raise AssertionError(f"ctr {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def helm(self, *arguments):
        done = subprocess.run(
            [str(HELM), "--kubeconfig", str(self.folder / "kubeconfig"), "--namespace", RELEASE,
             *map(str, arguments)],
            capture_output=True, text=True,
        )
        if done.returncode != 0:
            raise AssertionError(f"helm {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def kill_container(self, pod_uid, name):
        """kill -9 of its first process, as the kernel does when memory is short."""
        for line in self.ctr("containers", "ls", "-q").split():
            labels = json.loads(self.ctr("containers", "info", line))["Labels"]
            if (labels.get("io.kubernetes.pod.uid") == pod_uid
                    and labels.get("io.kubernetes.container.name") == name
                    and line in self.ctr("tasks", "ls", "-q").split()):
                self.ctr("tasks", "kill", "--signal", "SIGKILL", line)
                return
        raise AssertionError(f"no container {name} of pod {pod_uid}")

    def operator_metrics(self):
        service = self.api.get("Service", "rage-operator", RELEASE)
        connection = http.client.HTTPConnection(service["spec"]["clusterIP"], 8080, timeout=10)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def pods(self, namespace, selector=None):
        """Those that are not on their way out."""
        return [
            pod for pod in self.api.list("Pod", namespace, selector)
            if "deletionTimestamp" not in pod["metadata"]
        ]

    def ready_pods(self, namespace, selector=None):
        return [pod for pod in self.pods(namespace, selector) if is_ready_pod(pod)]

    def explain(self, *namespaces):
        """For a person who has to find out why: conditions, pods, what they said."""
        told = []
        for namespace in namespaces:
            for kind in ("InferenceSet", "Workspace", "RAGEngine"):
                for each in self.api.list(kind, namespace):
                    told.append(f"{kind} {each['metadata']['name']}")
                    told += [
                        f"  {c['type']}={c['status']} {c['reason']}: {c['message']}"
                        for c in each.get("status", {}).get("conditions", [])
                    ]
            for pod in self.api.list("Pod", namespace):
                name = pod["metadata"]["name"]
                told.append(f"Pod {name}: {json.dumps(pod['status'].get('containerStatuses'))}")
                told.append(self.kubectl("logs", "-n", namespace, name, "--tail=15",
                                         check=False).stdout)
            told.append(self.kubectl("get", "events", "-n", namespace, check=False).stdout[-3000:])
        return "\n".join(told)


def is_ready_pod(pod):
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in pod.get("status", {}).get("conditions", [])
    )


class RagClient:
    """A RAG service at the address of its Service."""

    def __init__(self, address):
        self.address = address

    def call(self, method, path, body=None, timeout=60):
        connection = http.client.HTTPConnection(self.address, 80, timeout=timeout)
        try:
            payload = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, payload, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read()
            try:
                return reply.status, json.loads(text)
            except ValueError:
                said = f"{method} {path}: {reply.status}, no JSON: {text[:200]}"
                raise ValueError(said) from None
        finally:
            connection.close()

    def ask(self, question, index="schedule_index"):
        """Without an index the model alone answers."""
        status, reply = self.call("POST", "/v1/chat/completions", {
            **({"index_name": index} if index else {}), "model": "chat", "max_tokens": 24,
            "messages": [{"role": "user", "content": question}],
        }, timeout=300)
        if status != 200:
            raise AssertionError(f"{question}: {status} {reply}")
        return reply

    def texts(self, index):
        found, offset = set(), 0
        while True:
            page = f"limit=100&offset={offset}&max_text_length=100000"
            status, page = self.call("GET", f"/indexes/{index}/documents?{page}")
            if status != 200:
                raise AssertionError(f"listing {index}: {status} {page}")
            found.update(document["text"] for document in page["documents"])
            offset += page["count"]
            if page["count"] == 0 or offset >= page["total_items"]:
                return found


class Writer:
    """Writes a note twice a second and keeps what was acknowledged: none may ever be lost."""

    def __init__(self, client, first):
        self._client = client
        self._number = first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.acknowledged = set()
        self.refused = 0
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.5):
            self._number += 1
            text = f"Note {self._number}: a volunteer is at desk {self._number % 7}."
            body = {"index_name": "notes", "documents": [{"text": text}]}
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                status, _ = self._client.call("POST", "/index", body, timeout=10)
                if status in (200, 201):
                    self.acknowledged.add(text)
                    continue
            self.refused += 1

    def stop(self):
        self._stop.set()
        self._thread.join(30)


def timed(what):
    """Prints how long a part took."""
    @contextlib.contextmanager
    def measure():
        begun = time.monotonic()
        yield
        print(f"  {time.monotonic() - begun:6.1f} s  {what}", flush=True)
    return measure()


def installed_cluster(test):
    """Images imported, the chart installed; ended with the class `test`. RAGE_E2E_CLUSTER=FOLDER is
    one that an earlier run left (RAGE_E2E_KEEP=1)."""
    if "RAGE_E2E_CLUSTER" in os.environ:
        return NodeCluster.attach(os.environ["RAGE_E2E_CLUSTER"])
    reason = why_not()
    if reason:
        print(f"\n!!! make e2e REFUSES: {reason}\n", file=sys.stderr, flush=True)
        if os.environ.get("RAGE_E2E_OPTIONAL") == "1":
            raise unittest.SkipTest(reason)
        raise AssertionError(reason)
    print(flush=True)
    with timed("cluster with a real node"):
        cluster = NodeCluster()
    if os.environ.get("RAGE_E2E_KEEP") == "1":
        print(f"  RAGE_E2E_CLUSTER={cluster.folder}", flush=True)
    else:
        test.addClassCleanup(cluster.stop)
    with timed("images imported"):
        for name in ("rage", "rage-llamacpp"):
            image = cluster.import_image(name)
            # What the upgrade, and what the example's manifests ask for: the same bits.
            for tag in ("next", "latest"):
                cluster.ctr("images", "tag", f"{image}:{VERSION}", f"{image}:{tag}")
    cluster.kubectl("delete", "clusterrolebinding", "rage-operator")  # Only the chart's.
    cluster.kubectl("label", "node", "node1", "apps=cpu")
    with timed("helm install --wait: two replicas, one leads"):
        # Sanitizers (RAGE_BUILD) need memory for themselves.
        more = ["--set", "resources.limits.memory=2Gi"] if "RAGE_BUILD" in os.environ else []
        cluster.helm(
            "install", "rage", CHART, "--create-namespace", "--wait", "--timeout", "120s",
            "--set", "nodeProvisioner=byo", "--set", "bodyBasedRouter.enabled=true",
            "--set", "bodyBasedRouter.replicaCount=1",
            "--set", "featureGates.gatewayAPIInferenceExtension=true", *more,
        )
    return cluster


def local_volume(name, folder, size="10Gi"):
    """A PersistentVolume of node1, for one claim: the node has no provisioner."""
    folder.mkdir(exist_ok=True)
    return {
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain", "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{
                "key": "kubernetes.io/hostname", "operator": "In", "values": ["node1"],
            }]}]}},
        },
    }


__all__ = [
    "CHART", "ENVOY", "RELEASE", "SCHEDULE", "RagClient", "Writer", "installed_cluster",
    "is_ready_pod", "local_volume", "timed", "wait_until",
]
