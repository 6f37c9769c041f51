"""A real Kubernetes with fake nodes (tests/support/cluster) and the real `rage operator` in it."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "tests/support/cluster"
CRDS = ROOT / "deploy/crds"
CHARTS = ROOT / "tests/chart/golden"
BINARY = os.environ.get("RAGE_BINARY", str(ROOT / "build/release/rage"))
CACHE = Path(
    os.environ.get("RAGE_CACHE_DIR")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rage"
)
MANAGER = "rage-operator"
PROXY_RULE = r"  - apiGroups: \[\"\"\]\n    resources: \[pods/proxy\]\n    verbs: \[get\]\n"
RELEASE_NAMESPACE = "kaito-workspace"
OUR_KINDS = (
    "Workspace", "InferenceSet", "RAGEngine", "ModelMirror", "MultiRoleInference", "AutoIndexer",
)
NODE_CLASSES = json.dumps([
    {"name": "image-family-ubuntu", "default": True, "spec": {"imageFamily": "Ubuntu2204"}},
    {"name": "image-family-azure-linux", "spec": {"imageFamily": "AzureLinux"}},
])
ALL_GATES = (
    "enableMIG=true,enableAccelerator=true,gatewayAPIInferenceExtension=true,ModelMirror=true,"
    "enableMultiRoleInferenceController=true"
)

sys.path[:0] = [str(SCRIPTS), str(SCRIPTS.parent)]
from free_ports import free_ports  # noqa: E402
from kubeapi import PLURALS, Api, ApiError  # noqa: E402, F401
from kwok_nodes import create_nodes, fake_node  # noqa: E402, F401
from node_provisioner import NodeProvisioner  # noqa: E402, F401


def skip_loudly(why):
    print(f"\n!!! SKIPPED: {why}\n", file=sys.stderr, flush=True)
    raise unittest.SkipTest(why)


def need_crds():
    if not list(CRDS.glob("*.yaml")):
        skip_loudly(f"there are no CRDs in {CRDS.relative_to(ROOT)}")


def operator_help():
    """"" if the binary has no such subcommand."""
    told = subprocess.run([BINARY, "operator", "--help"], capture_output=True, text=True)
    return told.stdout if "--node-provisioner" in told.stdout else ""


def need_operator():
    if not operator_help():
        skip_loudly(f"{BINARY} has no subcommand `operator`")


def wait_until(condition, what, seconds=60, interval=0.1):
    """What `condition` returns as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            raise AssertionError(f"after {seconds} s still not: {told}")
        time.sleep(interval)
    return found


def conditions(document):
    """type -> status"""
    found = document.get("status", {}).get("conditions", [])
    return {each["type"]: each["status"] for each in found}


READY = {
    "Workspace": ("WorkspaceSucceeded",),
    "InferenceSet": ("InferenceSetReady",),
    "RAGEngine": ("RAGEngineSucceeded", "ServiceReady"),
    "ModelMirror": ("Ready",),
    "MultiRoleInference": ("Ready",),
    "AutoIndexer": ("Ready",),
}


def is_ready(document):
    have = conditions(document)
    return any(have.get(each) == "True" for each in READY[document["kind"]])


class Cluster:
    """Control plane and KWOK in a temporary folder; a context manager."""

    def __init__(self, crds=("karpenter", "inference"), audit=False):
        self._folder = Path(tempfile.mkdtemp(prefix="rage-kube-"))
        self.folder = self._folder / "cluster"
        self._start(self._arguments(crds, audit))
        self.api = Api(self.folder)

    @staticmethod
    def _arguments(crds, audit):
        arguments = ["--kwok", *(["--audit"] if audit else [])]
        for name in crds:
            arguments += ["--crds", str(CACHE / "cluster/crds" / name)]
        if "karpenter" in crds:
            arguments += ["--crds", str(SCRIPTS / "node_class_crd.yaml")]
        if list(CRDS.glob("*.yaml")):
            arguments += ["--crds", str(CRDS)]
        return arguments

    def _start(self, arguments):
        try:
            self._script("up.sh", self.folder, *arguments)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _script(self, name, *arguments):
        result = subprocess.run(
            [str(SCRIPTS / name), *map(str, arguments)], capture_output=True, text=True
        )
        if result.returncode != 0:
            raise RuntimeError(f"{name} failed:\n{result.stdout}{result.stderr}")

    def stop(self):
        self._script("down.sh", self.folder)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def kubectl(self, *arguments, text=None, check=True):
        result = subprocess.run(
            [str(CACHE / "cluster/bin/kubectl"), "--kubeconfig", str(self.folder / "kubeconfig"),
             *map(str, arguments)],
            input=text, capture_output=True, text=True,
        )
        if check and result.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(map(str, arguments))}:\n{result.stderr}")
        return result.stdout if check else result

    def read_manifests(self, files):
        """{file: [documents]} as JSON, in one call: kubectl is the only YAML parser here."""
        text = self.kubectl(
            "create", "--dry-run=client", "--validate=false", "-o", "json",
            *[word for file in files for word in ("-f", file)],
        )
        found, position, decoder = [], 0, json.JSONDecoder()
        while position < len(text):
            document, position = decoder.raw_decode(text, position)
            found += document["items"] if document["kind"] == "List" else [document]
            while position < len(text) and text[position].isspace():
                position += 1
        for document in found:  # Whichever is the current one; the caller chooses.
            document["metadata"].pop("namespace", None)
        documents = iter(found)
        result = {}
        for file in files:
            parts = re.split(r"^---.*$", Path(file).read_text(), flags=re.MULTILINE)
            count = sum(bool(re.search(r"^kind:", part, re.MULTILINE)) for part in parts)
            result[file] = [next(documents) for _ in range(count)]
        if next(documents, None) is not None:
            raise AssertionError("documents and files do not match")
        return result

    def apply_all(self, documents):
        """[(namespace, document)], each namespace's in order, namespaces side by side."""
        by_namespace = {}
        for namespace, document in documents:
            by_namespace.setdefault(namespace, []).append(document)

        def apply_namespace(item):
            namespace, its = item
            self.ensure_namespace(namespace)
            for document in its:
                self.api.apply(document, namespace, manager="kubectl")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(apply_namespace, by_namespace.items()))

    def ensure_namespace(self, name):
        if name != "default":
            self.api.apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            )

    def kill(self, part):
        """kill -9 of etcd, kube-apiserver, ..."""
        self._script("part.sh", self.folder, "kill", part)

    def start(self, part):
        self._script("part.sh", self.folder, "start", part)

    def answers(self):
        """Whether the API server says that it is ready."""
        with contextlib.suppress(ApiError, OSError, http.client.HTTPException):
            return self.api.request("GET", "/readyz") == "ok"
        return False

    def requests_by_verb(self):
        """{verb: count} of all requests the API server has answered."""
        counts = {}
        for line in self.api.request("GET", "/metrics").splitlines():
            if line.startswith("apiserver_request_total{"):
                verb = re.search(r'verb="(\w+)"', line)[1]
                counts[verb] = counts.get(verb, 0) + int(float(line.rsplit(" ", 1)[1]))
        return counts

    def bind_operator(self, chart="byo"):
        """The chart's rights for the operator (tests/chart/golden) in place of cluster-admin."""
        rights = [
            text for text in (CHARTS / f"{chart}.yaml").read_text().split("\n---\n")
            if re.search(r"^kind: (Cluster)?Role(Binding)?$", text, re.MULTILINE)
        ]
        # Fake pods have addresses that may be somebody's: the API server must not dial them.
        bound, dials = re.subn(PROXY_RULE, "", "\n---\n".join(rights))
        assert dials == 1, "the chart's rule on pods/proxy looks different now"
        self.ensure_namespace("kaito-workspace")
        self.kubectl("delete", "clusterrolebinding", "rage-operator", "--ignore-not-found")
        self.kubectl("apply", "-f", "-", text=bound)

    def _audit_entries(self):
        with contextlib.suppress(FileNotFoundError), open(self.folder / "audit.log") as log:
            for line in log:
                entry = json.loads(line)
                target = entry.get("objectRef", {})
                what = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
                yield entry["verb"], what, entry.get("responseStatus", {})

    def audited(self):
        """{(verb, resource/subresource): count} of the operator's requests; needs audit=True."""
        counts = {}
        for verb, what, _ in self._audit_entries():
            counts[verb, what] = counts.get((verb, what), 0) + 1
        return counts

    def refused(self):
        """{"verb resource: why"} of what the operator was not allowed to do; needs audit=True."""
        return {
            f"{verb} {what}: {status.get('message', '')}"
            for verb, what, status in self._audit_entries()
            if status.get("code") == 403 and what != "pods/proxy"
        }


class Operator:
    """`rage operator` as the service account of the cluster; its log is in the cluster's folder.

    webhook: its URL as the API server is told, "own" for the one it listens on, "" for none."""

    def __init__(self, cluster, provisioner="byo", flags=("--feature-gates", ALL_GATES),
                 webhook="", name="operator"):
        self._cluster = cluster
        self._provisioner = provisioner
        self._flags = flags
        self.log = cluster.folder / f"{name}.log"
        self.process = None
        cluster.bind_operator(provisioner)
        known = operator_help()
        self.webhook_port = free_ports()  # For good: it is registered.
        if webhook:
            own = f"127.0.0.1:{self.webhook_port}"
            url = f"https://{own}" if webhook == "own" else webhook
            self._flags += ("--webhook-bind-address", own, "--webhook-url-base", url)
            cluster.ensure_namespace(RELEASE_NAMESPACE)  # Where the certificate is kept.
        elif "--webhook" in known:
            self._flags = (*self._flags, "--webhook=false")
        if provisioner == "karpenter" and "--karpenter-node-classes" in known:
            self._flags = (*self._flags, "--karpenter-node-classes", NODE_CLASSES)

    def start(self, wait=True):
        self._tries = 0
        self._spawn()
        if wait:
            wait_until(self._is_up, lambda: f"the operator is ready\n{self.log_tail()}", 60)
        return self

    def _spawn(self):
        self._metrics_port, self._health_port = free_ports(), free_ports()
        environment = {
            **os.environ, "CLOUD_PROVIDER": "azure", "RELEASE_NAMESPACE": RELEASE_NAMESPACE,
            "PRESET_REGISTRY_NAME": "mcr.microsoft.com/aks/kaito",
        }
        kubeconfig = self._cluster.folder / "operator.kubeconfig"
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [BINARY, "operator", "--kubeconfig", str(kubeconfig),
                 "--node-provisioner", self._provisioner,
                 "--metrics-bind-address", f"127.0.0.1:{self._metrics_port}",
                 "--health-probe-bind-address", f"127.0.0.1:{self._health_port}", *self._flags],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment,
            )

    def _is_up(self):
        if self.process.poll() is not None:
            if "in use" in self.log_tail(1000) and self._tries < 3:
                self._tries += 1  # Somebody else took the port first.
                self._spawn()
                return False
            raise AssertionError(
                f"the operator ended with {self.process.returncode}:\n{self.log_tail()}"
            )
        return self._get(self._health_port, "/readyz")[0] == 200

    @staticmethod
    def _get(port, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def log_tail(self, characters=4000):
        return self.log.read_text()[-characters:] if self.log.exists() else ""

    def metrics(self):
        """{name with labels: value}"""
        status, text = self._get(self._metrics_port, "/metrics")
        if status != 200:
            raise AssertionError(f"/metrics answered {status}")
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, value in lines}

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        return int(re.search(r"VmRSS:\s+(\d+)", self._status())[1]) * 1024

    def resident_bytes_max(self):
        return int(re.search(r"VmHWM:\s+(\d+)", self._status())[1]) * 1024

    def _status(self):
        return Path(f"/proc/{self.process.pid}/status").read_text()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM; the exit code, which a sanitizer's report would make non-zero."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the operator did not end within 60 s of SIGTERM") from None


class ClusterTest(unittest.TestCase):
    """One cluster a class."""

    crds = ("karpenter", "inference")
    audit = False

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(crds=cls.crds, audit=cls.audit)
        cls.addClassCleanup(cls.cluster.stop)
        cls.api = cls.cluster.api

    @classmethod
    def run_operator(cls, **options):
        """Until the class is done; a bad exit code fails it."""
        operator = Operator(cls.cluster, **options).start()

        def stop():
            code = operator.stop()
            if code != 0:
                raise AssertionError(f"rage operator ended with {code}:\n{operator.log_tail()}")

        cls.addClassCleanup(stop)
        return operator
