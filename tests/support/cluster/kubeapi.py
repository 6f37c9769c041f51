"""A Kubernetes API client for tests: one connection a thread, JSON in and out, no dependencies."""

import http.client
import json
import ssl
import threading
import urllib.parse
from pathlib import Path

# kind -> (group and version as in a path, plural, namespaced)
KINDS = {
    "Namespace": ("api/v1", "namespaces", False),
    "Node": ("api/v1", "nodes", False),
    "Pod": ("api/v1", "pods", True),
    "Service": ("api/v1", "services", True),
    "Secret": ("api/v1", "secrets", True),
    "ConfigMap": ("api/v1", "configmaps", True),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims", True),
    "PersistentVolume": ("api/v1", "persistentvolumes", False),
    "Event": ("api/v1", "events", True),
    "ServiceAccount": ("api/v1", "serviceaccounts", True),
    "StatefulSet": ("apis/apps/v1", "statefulsets", True),
    "Deployment": ("apis/apps/v1", "deployments", True),
    "ReplicaSet": ("apis/apps/v1", "replicasets", True),
    "ControllerRevision": ("apis/apps/v1", "controllerrevisions", True),
    "Job": ("apis/batch/v1", "jobs", True),
    "CronJob": ("apis/batch/v1", "cronjobs", True),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "StorageClass": ("apis/storage.k8s.io/v1", "storageclasses", False),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets", True),
    "CustomResourceDefinition": (
        "apis/apiextensions.k8s.io/v1", "customresourcedefinitions", False,
    ),
    "ValidatingWebhookConfiguration": (
        "apis/admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", False,
    ),
    "NodeClaim": ("apis/karpenter.sh/v1", "nodeclaims", False),
    "NodePool": ("apis/karpenter.sh/v1", "nodepools", False),
    "InferencePool": ("apis/inference.networking.k8s.io/v1", "inferencepools", True),
    "EndpointSlice": ("apis/discovery.k8s.io/v1", "endpointslices", True),
    "GatewayClass": ("apis/gateway.networking.k8s.io/v1", "gatewayclasses", False),
    "Gateway": ("apis/gateway.networking.k8s.io/v1", "gateways", True),
    "HTTPRoute": ("apis/gateway.networking.k8s.io/v1", "httproutes", True),
    "AKSNodeClass": ("apis/karpenter.azure.com/v1beta1", "aksnodeclasses", False),
    "Workspace": ("apis/kaito.sh/v1beta1", "workspaces", True),
    "InferenceSet": ("apis/kaito.sh/v1beta1", "inferencesets", True),
    "RAGEngine": ("apis/kaito.sh/v1beta1", "ragengines", True),
    "ModelMirror": ("apis/kaito.sh/v1alpha1", "modelmirrors", False),
    "MultiRoleInference": ("apis/kaito.sh/v1alpha1", "multiroleinferences", True),
    "AutoIndexer": ("apis/kaito.sh/v1alpha1", "autoindexers", True),
}
PLURALS = {kind: plural for kind, (_, plural, _) in KINDS.items()}


class ApiError(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


class Connection(http.client.HTTPSConnection):
    """Ends with the thread that has it."""

    def __del__(self):
        self.close()


class Api:
    """Of the cluster that up.sh started in `folder`. Thread-safe."""

    def __init__(self, folder):
        facts = json.loads((Path(folder) / "cluster.json").read_text())
        self._host = facts["server"].removeprefix("https://")
        self._token = facts["token"]
        self._tls = ssl.create_default_context(cafile=facts["ca"])
        self._threads = threading.local()

    def request(self, method, path, body=None, content_type="application/json", timeout=60):
        """Parsed JSON, or text if it is none. A dead connection is replaced once."""
        payload = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        for attempt in (0, 1):
            connection = getattr(self._threads, "connection", None)
            fresh = connection is None
            if fresh:
                connection = Connection(self._host, context=self._tls, timeout=timeout)
                self._threads.connection = connection
            try:
                connection.request(method, path, payload, headers)
                reply = connection.getresponse()
                text = reply.read()
                break
            except (OSError, http.client.HTTPException):
                connection.close()
                self._threads.connection = None
                if fresh or attempt:
                    raise
        is_json = reply.headers.get("Content-Type", "").startswith("application/json")
        if reply.status >= 300:
            message = json.loads(text).get("message", "") if is_json else text.decode()
            raise ApiError(reply.status, message)
        return json.loads(text) if is_json else text.decode()

    @staticmethod
    def path(kind, namespace=None, name=None, subresource=None, version=None):
        base, plural, namespaced = KINDS[kind]
        if version:
            base = base.rsplit("/", 1)[0] + "/" + version
        path = f"/{base}"
        if namespaced and namespace:
            path += f"/namespaces/{namespace}"
        path += f"/{plural}"
        if name:
            path += "/" + urllib.parse.quote(name)
        return path + (f"/{subresource}" if subresource else "")

    def get(self, kind, name, namespace=None, version=None):
        """None if there is none."""
        try:
            return self.request("GET", self.path(kind, namespace, name, version=version))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind, namespace=None, selector=None):
        """Every item; [] if the kind is not served."""
        items, token = [], ""
        while True:
            query = {"limit": "2000", **({"labelSelector": selector} if selector else {})}
            if token:
                query["continue"] = token
            try:
                page = self.request(
                    "GET", self.path(kind, namespace) + "?" + urllib.parse.urlencode(query)
                )
            except ApiError as error:
                if error.status == 404:
                    return []
                raise
            items += page.get("items") or []
            token = page["metadata"].get("continue", "")
            if not token:
                return items

    def watch(self, kind, stopped, timeout=60):
        """(event type, object) until `stopped` (a threading.Event) is set, for ever: first what is
        there, as ADDED, and again after each reconnection."""
        while not stopped.is_set():
            connection = None
            try:
                query = f"watch=1&timeoutSeconds={timeout}&sendInitialEvents=true"
                query += "&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
                connection = http.client.HTTPSConnection(
                    self._host, context=self._tls, timeout=timeout + 10
                )
                connection.request(
                    "GET", f"{self.path(kind)}?{query}", None,
                    {"Authorization": f"Bearer {self._token}"},
                )
                reply = connection.getresponse()
                while reply.status == 200 and (line := reply.readline()):
                    event = json.loads(line)
                    if stopped.is_set() or event["type"] == "ERROR":
                        break
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]
            except (OSError, http.client.HTTPException, ValueError):
                pass  # The server was killed, or cut the line: again from the start.
            finally:
                if connection:
                    connection.close()
            stopped.wait(0.2)

    def create(self, document, namespace=None, dry_run=False):
        version = document["apiVersion"].rsplit("/", 1)[-1]
        path = self.path(document["kind"], namespace, version=version)
        return self.request("POST", path + ("?dryRun=All" if dry_run else ""), document)

    def apply(self, document, namespace=None, manager="test"):
        version = document["apiVersion"].rsplit("/", 1)[-1]
        path = self.path(
            document["kind"], namespace, document["metadata"]["name"], version=version
        )
        return self.request(
            "PATCH", f"{path}?fieldManager={manager}&force=true", document,
            "application/apply-patch+yaml",
        )

    def patch(self, kind, name, patch, namespace=None, subresource=None):
        return self.request(
            "PATCH", self.path(kind, namespace, name, subresource), patch,
            "application/merge-patch+json",
        )

    def delete(self, kind, name, namespace=None):
        """Absent is success."""
        try:
            self.request("DELETE", self.path(kind, namespace, name))
        except ApiError as error:
            if error.status != 404:
                raise
