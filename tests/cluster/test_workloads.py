"""`rage controllers` on `rage apiserver`, both real; a thread plays the node: pods that are bound
get an address and are Ready, Jobs' pods succeed, deleted ones end."""

import datetime
import json
import subprocess
import threading
import time
import unittest

from embedded import BINARY, ApiError, Embedded, wait_until


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Node(threading.Thread):
    """What the node agent does, as far as controllers can tell."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self._api = api
        self._over = threading.Event()
        self._addresses = 0
        self.ready = True  # Of pods that come from now on.

    def run(self):
        while not self._over.wait(0.1):
            for pod in self._api.list("Pod"):
                if "nodeName" in pod["spec"]:
                    self._serve(pod)

    def _serve(self, pod):
        metadata = pod["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        try:
            if "deletionTimestamp" in metadata:
                path = self._api.path("Pod", namespace, name)
                self._api.request("DELETE", path, {"gracePeriodSeconds": 0})
            elif pod["status"]["phase"] == "Pending":
                self._api.patch("Pod", name, {"status": self._status(pod)}, namespace, "status")
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    def _status(self, pod):
        self._addresses += 1
        address = f"127.97.{self._addresses // 250}.{self._addresses % 250 + 1}"
        if pod["spec"]["restartPolicy"] == "Never":
            return {"phase": "Succeeded", "podIP": address}
        conditions = [each for each in pod["status"].get("conditions", [])
                      if each["type"] != "Ready"]
        conditions.append({"type": "Ready", "status": "True" if self.ready else "False",
                           "lastTransitionTime": now()})
        return {"phase": "Running", "podIP": address, "conditions": conditions}

    def stop(self):
        self._over.set()
        self.join()


class Controllers:
    def __init__(self, cluster):
        self._cluster = cluster
        self.start()

    def start(self):
        folder = self._cluster.folder
        with open(folder / "controllers.log", "a") as log:
            self.process = subprocess.Popen(
                [BINARY, "controllers", "--kubeconfig", str(folder / "kubeconfig"), "--volumes",
                 str(folder / "volumes")],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if "working on" not in line:
            raise AssertionError((folder / "controllers.log").read_text()[-4000:])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        if code != 0:
            log = (self._cluster.folder / "controllers.log").read_text()
            raise AssertionError(f"rage controllers ended with {code}:\n{log[-8000:]}")


def template(app, image="one", **spec):
    return {"metadata": {"labels": {"app": app}},
            "spec": {"containers": [{"name": "main", "image": image}], **spec}}


class WorkloadsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Embedded()
        cls.addClassCleanup(cls.cluster.stop)
        cls.api = cls.cluster.api
        cls.controllers = Controllers(cls.cluster)
        cls.addClassCleanup(lambda: cls.controllers.stop())
        cls.node = Node(cls.api)
        cls.node.start()
        cls.addClassCleanup(cls.node.stop)

    def post(self, kind, version, name, namespace="default", path=None, **more):
        metadata = {"name": name}
        if namespace:
            metadata["namespace"] = namespace
        metadata |= more.pop("metadata", {})
        document = {"apiVersion": version, "kind": kind, "metadata": metadata, **more}
        return self.api.request("POST", path or self.api.path(kind, namespace), document)

    def status_of(self, kind, name):
        return self.api.get(kind, name, "default").get("status", {})

    def pods(self, app):
        return [pod for pod in self.api.list("Pod")
                if pod["metadata"].get("labels", {}).get("app") == app
                and "deletionTimestamp" not in pod["metadata"]]

    def foreign(self, plural, name=None):
        base = f"/apis/argoproj.io/v1alpha1/namespaces/default/{plural}"
        return f"{base}/{name}" if name else base

    def wait_available(self, kind, name, count):
        wait_until(lambda: self.status_of(kind, name).get("availableReplicas") == count,
                   f"{kind} {name} has {count} available")

    def test_a_deployment_rolls_out_scales_and_survives_a_kill(self):
        self.post("Deployment", "apps/v1", "web", spec={
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": template("web")})
        self.wait_available("Deployment", "web", 3)
        for pod in self.pods("web"):
            self.assertEqual(pod["spec"]["nodeName"], "local")
        self.controllers.kill()  # In the middle of a roll-out.
        self.api.patch("Deployment", "web", {"spec": {
            "replicas": 4, "template": template("web", "two")}}, "default")
        self.controllers.start()
        self.cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        images = wait_until(lambda: [pod["spec"]["containers"][0]["image"]
                                     for pod in self.pods("web")] == ["two"] * 4, "four new pods")
        self.assertTrue(images)
        sets = [each for each in self.api.list("ReplicaSet")
                if each["metadata"]["labels"].get("app") == "web"]
        self.assertEqual(sorted(each["spec"]["replicas"] for each in sets), [0, 4])
        self.cluster.kubectl("rollout", "undo", "deployment/web")
        wait_until(lambda: [pod["spec"]["containers"][0]["image"]
                            for pod in self.pods("web")] == ["one"] * 4, "four old pods")
        self.cluster.kubectl("delete", "deployment", "web")
        wait_until(lambda: not self.pods("web"), "no pods any more")

    def test_a_stateful_set_has_names_volumes_and_rolls_from_the_top(self):
        self.post("StatefulSet", "apps/v1", "db", spec={
            "replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
            "template": template("db"),
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]})
        self.wait_available("StatefulSet", "db", 2)
        self.assertEqual([pod["metadata"]["name"] for pod in self.pods("db")], ["db-0", "db-1"])
        claim = self.api.get("PersistentVolumeClaim", "data-db-1", "default")
        self.assertEqual(claim["status"]["phase"], "Bound")
        volume = self.api.get("PersistentVolume", claim["spec"]["volumeName"])
        self.assertEqual(volume["status"]["phase"], "Bound")
        self.api.patch("StatefulSet", "db", {"spec": {"template": template("db", "two")}},
                       "default")
        self.cluster.kubectl("rollout", "status", "statefulset/db", "--timeout=60s")
        self.assertEqual({pod["spec"]["containers"][0]["image"] for pod in self.pods("db")},
                         {"two"})
        self.cluster.kubectl("delete", "statefulset", "db")
        wait_until(lambda: not self.pods("db"), "no pods any more")
        self.cluster.kubectl("delete", "pvc", "data-db-0", "data-db-1")
        wait_until(lambda: volume["metadata"]["name"] not in
                   [each["metadata"]["name"] for each in self.api.list("PersistentVolume")],
                   "the volume is given back")

    def test_a_service_lists_its_pods(self):
        self.post("Service", "v1", "echo", spec={
            "selector": {"app": "echo"}, "ports": [{"port": 80, "targetPort": "http"}]})
        pod = template("echo")
        pod["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8080}]
        self.post("Deployment", "apps/v1", "echo", spec={
            "replicas": 2, "selector": {"matchLabels": {"app": "echo"}}, "template": pod})

        def ready():
            return [(endpoint["addresses"][0], slice_["ports"][0]["port"])
                    for slice_ in self.api.list("EndpointSlice")
                    if slice_["metadata"]["labels"]["kubernetes.io/service-name"] == "echo"
                    for endpoint in slice_["endpoints"] if endpoint["conditions"]["ready"]]
        found = wait_until(lambda: len(ready()) == 2 and ready(), "two ready endpoints")
        self.assertEqual({port for _, port in found}, {8080})
        self.api.patch("Deployment", "echo", {"spec": {"replicas": 0}}, "default")
        wait_until(lambda: not ready(), "no endpoints")

    def test_a_job_completes_and_is_forgotten(self):
        self.post("Job", "batch/v1", "sum", spec={
            "completions": 3, "parallelism": 2, "ttlSecondsAfterFinished": 2,
            "template": template("sum", restartPolicy="Never")})
        self.cluster.kubectl("wait", "--for=condition=Complete", "job/sum", "--timeout=60s")
        self.assertEqual(self.status_of("Job", "sum")["succeeded"], 3)
        wait_until(lambda: "sum" not in [each["metadata"]["name"]
                                         for each in self.api.list("Job")], "the job is gone")

    def test_a_node_claim_becomes_a_node_that_takes_its_pods(self):
        self.post("Deployment", "apps/v1", "model", spec={
            "replicas": 1, "selector": {"matchLabels": {"app": "model"}},
            "template": template("model", nodeSelector={"for": "model"})})

        def message():
            pods = self.pods("model")
            return pods and [each.get("message") for each in
                             pods[0].get("status", {}).get("conditions", [])
                             if each["type"] == "PodScheduled"]
        told = wait_until(message, "the pod says why it waits")[0]
        self.assertIn("didn't match Pod's node affinity/selector", told)
        self.post("NodeClaim", "karpenter.sh/v1", "ws1", None, metadata={"labels": {
            "for": "model"}}, spec={"requirements": [{
                "key": "node.kubernetes.io/instance-type", "operator": "In",
                "values": ["Standard_NC24ads_A100_v4"]}]})
        self.wait_available("Deployment", "model", 1)
        self.assertEqual(self.pods("model")[0]["spec"]["nodeName"], "ws1")
        node = self.api.get("Node", "ws1")
        self.assertEqual(node["status"]["allocatable"]["nvidia.com/gpu"], "1")
        self.cluster.kubectl("wait", "--for=condition=Ready", "nodeclaim/ws1", "--timeout=30s")
        self.cluster.kubectl("delete", "nodeclaim", "ws1")
        wait_until(lambda: [pod["spec"].get("nodeName") for pod in self.pods("model")] == [None],
                   "the node is gone, its pod is replaced and waits")
        self.assertNotIn("ws1", [each["metadata"]["name"] for each in self.api.list("Node")])

    def test_a_rollout_is_healthy_without_a_hand(self):
        self.post("Rollout", "argoproj.io/v1alpha1", "agent", path=self.foreign("rollouts"), spec={
            "replicas": 2, "selector": {"matchLabels": {"app": "agent"}},
            "strategy": {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}},
            "template": template("agent")})

        def phase():
            status = self.api.request("GET", self.foreign("rollouts", "agent")).get("status", {})
            return status.get("phase"), status.get("updatedReplicas")
        wait_until(lambda: phase() == ("Healthy", 2), "the first roll-out is healthy")

    def test_a_workflow_runs_its_steps_in_order(self):
        self.post("WorkflowTemplate", "argoproj.io/v1alpha1", "pipeline",
                  path=self.foreign("workflowtemplates"), spec={
                      "entrypoint": "all",
                      "arguments": {"parameters": [{"name": "host", "value": "scale23x"}]},
                      "volumeClaimTemplates": [{"metadata": {"name": "work"}, "spec": {
                          "accessModes": ["ReadWriteOnce"],
                          "resources": {"requests": {"storage": "5Mi"}}}}],
                      "templates": [
                          {"name": "all", "steps": [[{"name": "get", "template": "fetch"}],
                                                    [{"name": "put", "template": "load"}]]},
                          {"name": "fetch", "container": {"image": "one"}},
                          {"name": "load", "container": {
                              "image": "two", "args": ["{{workflow.parameters.host}}"]}}]})
        self.post("Workflow", "argoproj.io/v1alpha1", "run", path=self.foreign("workflows"),
                  spec={"workflowTemplateRef": {"name": "pipeline"}})

        def finished():
            found = self.api.request("GET", self.foreign("workflows", "run"))
            return found if found.get("status", {}).get("phase") == "Succeeded" else None
        status = wait_until(finished, "the workflow succeeds")["status"]
        self.assertEqual(status["progress"], "2/2")
        pods = [pod for pod in self.api.list("Pod") if pod["metadata"].get("labels", {}).get(
            "workflows.argoproj.io/workflow") == "run"]
        loads = [pod for pod in pods if "-load-" in pod["metadata"]["name"]]
        self.assertEqual(loads[0]["spec"]["containers"][0]["args"], ["scale23x"])
        wait_until(lambda: "run-work" not in [
            each["metadata"]["name"] for each in self.api.list("PersistentVolumeClaim")],
            "its claim is gone")

    def test_stand_ins_say_what_they_are(self):
        base = "/apis/cert-manager.io/v1/namespaces/default/certificates"
        self.post("Certificate", "cert-manager.io/v1", "tls", path=base, spec={
            "secretName": "tls", "dnsNames": ["chat.example.org"], "issuerRef": {"name": "le"}})
        secret = wait_until(lambda: next((each for each in self.api.list("Secret")
                                          if each["metadata"]["name"] == "tls"), None), "a Secret")
        self.assertEqual(secret["type"], "kubernetes.io/tls")
        self.assertEqual(sorted(secret["data"]), ["ca.crt", "tls.crt", "tls.key"])
        condition = wait_until(lambda: self.api.request("GET", base + "/tls").get(
            "status", {}).get("conditions"), "a condition")[0]
        self.assertIn("self-signed", condition["message"])
        base = "/apis/external-secrets.io/v1/namespaces/default/externalsecrets"
        self.post("ExternalSecret", "external-secrets.io/v1", "token", path=base, spec={
            "target": {"name": "hf"}, "data": [{"secretKey": "HF_TOKEN"}]})

        def ready():
            found = self.api.request("GET", base + "/token").get("status", {}).get("conditions")
            return found[0] if found else {}
        wait_until(lambda: ready().get("status") == "False", "not ready")
        self.assertIn("kubectl create secret generic hf", ready()["message"])
        made = self.cluster.kubectl("create", "secret", "generic", "hf", "-n", "default",
                                    "--from-literal=HF_TOKEN=x", "--dry-run=client", "-o", "yaml")
        self.cluster.kubectl("apply", "-f", "-", text=made)
        wait_until(lambda: ready().get("status") == "True", "ready once made by hand")

    def test_controllers_are_silent_when_nothing_happens(self):
        self.post("Deployment", "apps/v1", "quiet", spec={
            "replicas": 1, "selector": {"matchLabels": {"app": "quiet"}},
            "template": template("quiet")})
        self.wait_available("Deployment", "quiet", 1)

        def versions():
            return json.dumps([each["metadata"]["resourceVersion"]
                               for kind in ("Pod", "ReplicaSet", "Deployment", "Node")
                               for each in self.api.list(kind)
                               if "quiet" in each["metadata"]["name"] or kind == "Node"])

        def settled():
            before = versions()
            time.sleep(1.5)
            return before == versions()
        wait_until(settled, "nothing is written any more", 20)


if __name__ == "__main__":
    unittest.main()
