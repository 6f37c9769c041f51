"""What test_conformance.py runs against: a real API server with Gateway API and InferencePools, the
real `rage gateway`, a real `rage epp` for each pool, and echo servers for pods.

All of it is in a network namespace of its own, where every address of 10.250.0.0/16 is local: so
each pod has an address as EndpointSlices want them, and the gateway has port 80. Objects and names
are those of the conformance suite of the Gateway API Inference Extension, its rights for pickers
included. The controller manager makes EndpointSlices; nodes and pods are told what a kubelet would
tell.
"""

import contextlib
import ctypes
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from support import BINARY, CACHE, HERE, ROOT, Process, wait_until

SCRIPTS = ROOT / "tests/support/cluster"
sys.path.insert(0, str(SCRIPTS))
from kubeapi import Api, ApiError  # noqa: E402

INFRA = "inference-conformance-infra"
APP = "inference-conformance-app-backend"
CLASS = "rage"
CONTROLLER = "rage.dev/gateway"
GATEWAY_ADDRESS = "10.250.0.80"
CLONE_NEWNET = 0x40000000
# Who picks instead of `rage epp`: a program such as upstream's lwepp, or "own": the gateway itself.
PICKER = os.environ.get("RAGE_CONFORMANCE_PICKER", "")

BODY = json.dumps({"model": "conformance-fake-model", "prompt": "Write as if you were a critic: x"})

# As in the suite's ConfigMap plugins-config.
PICKER_CONFIG = """
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: header-based-testing-filter
- type: destination-endpoint-served-verifier
schedulingProfiles:
- name: conformance-profile
  plugins:
  - pluginRef: header-based-testing-filter
"""

# Pods of the app of that name: (number of its addresses, ports as the echo server has them).
MODEL_SERVERS = {
    "primary-inference-model-server": (1, ["3000"]),
    "secondary-inference-model-server": (2, ["3000"]),
    "appprotocol-inference-model-server": (3, ["3000", "3001/h2c"]),
    "dp-inference-model-server": (4, ["3000", "3002", "3004"]),
}
REPLICAS = 3

# name: (app, target ports, further fields of the spec, of its endpointPickerRef)
POOLS = {
    "primary-inference-pool": ("primary-inference-model-server", [3000], {}, {}),
    "secondary-inference-pool": (
        "secondary-inference-model-server", [3000], {}, {"failureMode": "FailOpen"}),
    "appprotocol-http-inference-pool": (
        "appprotocol-inference-model-server", [3000], {"appProtocol": "http"}, {}),
    "appprotocol-h2c-inference-pool": (
        "appprotocol-inference-model-server", [3001], {"appProtocol": "kubernetes.io/h2c"}, {}),
    "dp-inference-pool": ("dp-inference-model-server", [3000, 3002, 3004], {}, {}),
}

READ = ["get", "list", "watch"]
POOL_GROUP = "inference.networking.k8s.io"
GATEWAY_GROUP = "gateway.networking.k8s.io"
GATEWAY_KINDS = ["gatewayclasses", "gateways", "httproutes", "grpcroutes"]
# All that `rage gateway` needs.
GATEWAY_RULES = [
    {"apiGroups": [""], "verbs": READ, "resources": ["services", "namespaces", "secrets", "pods"]},
    {"apiGroups": ["discovery.k8s.io"], "verbs": READ, "resources": ["endpointslices"]},
    {"apiGroups": [GATEWAY_GROUP], "verbs": READ,
     "resources": [*GATEWAY_KINDS, "referencegrants"]},
    {"apiGroups": [POOL_GROUP], "verbs": READ, "resources": ["inferencepools"]},
    {"apiGroups": ["llm-d.ai"], "verbs": READ,
     "resources": ["inferenceobjectives", "inferencemodelrewrites"]},
    {"apiGroups": [GATEWAY_GROUP], "verbs": ["patch"],
     "resources": [f"{kind}/status" for kind in GATEWAY_KINDS]},
    {"apiGroups": [POOL_GROUP], "verbs": ["patch"], "resources": ["inferencepools/status"]},
]
PICKER_RULES = [
    {"apiGroups": ["inference.networking.x-k8s.io"], "verbs": READ,
     "resources": ["inferenceobjectives", "inferencemodelrewrites", "inferencepools"]},
    {"apiGroups": [POOL_GROUP], "verbs": READ, "resources": ["inferencepools"]},
    {"apiGroups": [""], "verbs": READ, "resources": ["pods"]},
]


def need_cluster():
    """Skips, loudly, what cannot run here."""
    why = None
    if os.geteuid() != 0:
        why = "a network namespace of its own wants root"
    elif not shutil.which("ip"):
        why = "there is no command `ip`"
    for part in ("bin/etcd", "bin/kube", "crds/gateway", "crds/inference"):
        if not (CACHE / "cluster" / part).exists():
            why = why or f"there is no {CACHE / 'cluster' / part}: run `make deps`"
    if why:
        print(f"\n!!! SKIPPED: {why}\n", file=sys.stderr, flush=True)
        raise unittest.SkipTest(why)


@contextlib.contextmanager
def network_namespace():
    """Of this thread, and of the threads and processes that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)

    def check(result):
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    with open("/proc/thread-self/ns/net") as before:
        try:
            check(libc.unshare(CLONE_NEWNET))
        except OSError as error:
            print(f"\n!!! SKIPPED: no network namespace: {error}\n", file=sys.stderr, flush=True)
            raise unittest.SkipTest("no network namespace") from error
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            subprocess.run(
                ["ip", "route", "add", "local", "10.250.0.0/16", "dev", "lo"], check=True)
            yield
        finally:
            check(libc.setns(before.fileno(), CLONE_NEWNET))


@contextlib.contextmanager
def cluster():
    """The folder of etcd, API server and controller manager; nodes and pods are the caller's."""
    parent = Path(tempfile.mkdtemp(prefix="rage-conformance-"))
    folder = parent / "cluster"
    crds = [CACHE / "cluster/crds" / name for name in ("gateway", "inference")]
    up = [SCRIPTS / "up.sh", folder, *(word for crd in crds for word in ("--crds", crd))]
    try:
        done = subprocess.run([str(word) for word in up], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"up.sh failed:\n{done.stdout}{done.stderr}")
        yield folder
    finally:
        subprocess.run([str(SCRIPTS / "down.sh"), str(folder)], check=True)
        shutil.rmtree(parent, ignore_errors=True)


class Conformance:
    """The suite's base resources, running. A context manager."""

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self.ips = {}  # pod: its address

    def __enter__(self):
        with self._stack:
            self._stack.enter_context(network_namespace())
            self.folder = self._stack.enter_context(cluster())
            self.api = Api(self.folder)
            wait_until(self._serves_kinds, "CRDs are served")
            self._create_rights()
            self._run_gateway()
            self._create_base()
            if PICKER != "own":
                self._run_pickers()
            for process in self._processes:
                if process.name != PICKER:
                    process.first_line()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    _processes = ()

    def _run(self, name, command, **more):
        """Its first line is awaited later. A bad exit code, as of a sanitizer, fails."""
        process = Process(name, command, **more)
        self._processes += (process,)

        def stop():
            log = process.log()
            code = process.stop()
            if code != 0 and name not in ("backends", PICKER):
                raise AssertionError(f"{name} ended with {code}:\n{log}\n{process.log()}")

        self._stack.callback(stop)
        return process

    def _run_gateway(self):
        command = [
            BINARY, "gateway", "--cluster", "--address", GATEWAY_ADDRESS, "--workers", 2,
            "--drain-seconds", 1, "--kubeconfig", self._kubeconfig(INFRA, "rage-gateway")]
        if PICKER == "own":
            config = self.folder / "picker.yaml"
            config.write_text(PICKER_CONFIG)
            command += ["--own-picker", "--picker-config", config]
        self._run("gateway", command)

    def create(self, document, namespace=None):
        return self.api.apply(document, namespace)

    def _serves_kinds(self):
        """A CRD is there a moment before its kind is, and who starts then is told of none."""
        for group, kinds in ((GATEWAY_GROUP, {"gatewayclasses", "gateways", "httproutes"}),
                             (POOL_GROUP, {"inferencepools"})):
            try:
                served = self.api.request("GET", f"/apis/{group}/v1")["resources"]
            except ApiError:
                return False
            if not kinds <= {each["name"] for each in served}:
                return False
        return True

    # -- rights

    def _create_rights(self):
        for namespace in (INFRA, APP):
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        self.create({"apiVersion": "v1", "kind": "ServiceAccount",
                     "metadata": {"name": "rage-gateway"}}, INFRA)
        self._grant("Cluster", "rage-gateway", GATEWAY_RULES, INFRA, "rage-gateway")
        self._grant("", "inference-model-reader", PICKER_RULES, APP, "default")
        wait_until(lambda: self.api.get("ServiceAccount", "default", APP), "its account")

    def _grant(self, scope, name, rules, namespace, account):
        rbac = "rbac.authorization.k8s.io"
        where = None if scope else namespace
        self.create({"apiVersion": f"{rbac}/v1", "kind": f"{scope}Role",
                     "metadata": {"name": name}, "rules": rules}, where)
        self.create({
            "apiVersion": f"{rbac}/v1", "kind": f"{scope}RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": rbac, "kind": f"{scope}Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        }, where)

    def _kubeconfig(self, namespace, account):
        facts = json.loads((self.folder / "cluster.json").read_text())
        token = self.api.request(
            "POST", self.api.path("ServiceAccount", namespace, account, "token"),
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
        )["status"]["token"]
        path = self.folder / f"{account}.kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": facts["server"], "certificate-authority": facts["ca"]}}],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user"}}],
        }))
        return path

    # -- objects

    def _create_base(self):
        self.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}})
        self.api.patch("Node", "node", {"status": {"conditions": [
            {"type": "Ready", "status": "True", "reason": "KubeletReady"}]}}, subresource="status")
        gateway_api = f"{GATEWAY_GROUP}/v1"
        self.create({"apiVersion": gateway_api, "kind": "GatewayClass", "metadata": {"name": CLASS},
                     "spec": {"controllerName": CONTROLLER}})
        for name, hostname in (("conformance-primary", None),
                               ("conformance-secondary", "secondary.example.com")):
            listener = {"name": "http", "port": 80, "protocol": "HTTP",
                        "allowedRoutes": {"namespaces": {"from": "All"}}}
            if hostname:
                listener["hostname"] = hostname
            self.create({"apiVersion": gateway_api, "kind": "Gateway", "metadata": {"name": name},
                         "spec": {"gatewayClassName": CLASS, "listeners": [listener]}}, INFRA)
        self._run_model_servers()
        for name, (app, ports, more, picker) in POOLS.items():
            service = service_of(name)
            reference = {"name": service, "port": {"number": 9002}, **picker}
            self.create_pool(name, app, ports, reference, **more)
            self.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": service},
                         "spec": {"selector": {"app": f"{name}-epp"}, "ports": [
                             {"port": 9002, "targetPort": picker_port(name),
                              "appProtocol": "http2"}]}}, APP)
            self.create_pod(f"{name}-epp-0", f"{name}-epp", f"10.250.9.{picker_port(name) % 256}")

    def create_pool(self, name, app, ports, picker, **more):
        spec = {"selector": {"matchLabels": {"app": app}},
                "targetPorts": [{"number": port} for port in ports], **more}
        if picker:
            spec["endpointPickerRef"] = picker
        return self.create({"apiVersion": f"{POOL_GROUP}/v1", "kind": "InferencePool",
                            "metadata": {"name": name}, "spec": spec}, APP)

    def create_pod(self, name, app, ip):
        """On the node, and what its kubelet would say of it: that it runs and is ready."""
        self.ips[name] = ip
        self.create({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}},
            "spec": {"nodeName": "node", "containers": [{"name": "it", "image": "none"}]},
        }, APP)
        self.api.patch("Pod", name, {"status": {
            "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
            "conditions": [{"type": kind, "status": "True"}
                           for kind in ("PodScheduled", "ContainersReady", "Ready")],
        }}, APP, subresource="status")

    def pods(self, app):
        """Names of its pods, in order."""
        return [f"{app}-{number}" for number in range(REPLICAS)]

    def _run_model_servers(self):
        places = []
        for app, (number, ports) in MODEL_SERVERS.items():
            for i, pod in enumerate(self.pods(app)):
                ip = f"10.250.{number}.{i + 1}"
                self.create_pod(pod, app, ip)
                places += [f"{pod}={ip}:{port}" for port in ports]
        self._run("backends", [sys.executable, HERE / "conformance_backends.py", APP, *places],
                  stdin=subprocess.PIPE)

    def _run_pickers(self):
        environment = {**os.environ, "KUBECONFIG": str(self._kubeconfig(APP, "default"))}
        for name in POOLS:
            port = picker_port(name)
            common = ["--pool-name", name, "--pool-namespace", APP, "--grpc-port", port,
                      "--grpc-health-port", port + 1, "--metrics-port", port + 2]
            ours = ["--config-text", PICKER_CONFIG, "--address", self.ips[f"{name}-epp-0"],
                    "--refresh-metrics-interval", "1s", "--drain-timeout", "1s"]
            command = [PICKER, *common] if PICKER else [BINARY, "epp", *common, *ours]
            self._run(PICKER or f"picker of {name}", command, env=environment)

    # -- looking at it

    def fallen(self):
        """What has ended that should run, with its log; "" if all is well."""
        return "\n".join(f"{process.name} ended with {process.child.returncode}:\n{process.log()}"
                         for process in self._processes if process.child.poll() is not None)

    def picks_failed_open(self):
        connection = http.client.HTTPConnection("127.0.0.1", 19000, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        values = [line.rsplit(" ", 1)[1] for line in lines
                  if line.startswith("gateway_picks_failed_open_total ")]
        return float(values[0])

    def endpoints_of_service(self, name):
        """Addresses in its EndpointSlices, those that are not ready included."""
        slices = self.api.list("EndpointSlice", APP, f"kubernetes.io/service-name={name}")
        return [address for each in slices for endpoint in each.get("endpoints") or []
                for address in endpoint["addresses"]]


def picker_port(pool):
    """Another one for each: there are pickers that listen on all addresses."""
    return 9100 + 10 * list(POOLS).index(pool)


def service_of(pool):
    return pool.replace("-inference-pool", "-endpoint-picker-svc")


class Reply:
    def __init__(self, response):
        self.status, self.headers, text = response.status, response.headers, response.read()
        self.echo = {}
        with contextlib.suppress(ValueError):
            self.echo = json.loads(text)
        self.pod = self.echo.get("pod")

    def __repr__(self):
        return f"{self.status} from {self.pod} {self.headers.items()} {self.echo}"


def send(host, path, method="POST", headers=()):
    connection = http.client.HTTPConnection(GATEWAY_ADDRESS, 80, timeout=30)
    with contextlib.closing(connection):
        body = BODY if method == "POST" else None
        connection.request(method, path, body, {"host": host, **dict(headers)})
        return Reply(connection.getresponse())
