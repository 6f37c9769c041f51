"""The whole product on a real node: chart, operator, model and RAG service as real pods.

The steps build on each other, in the order of their names. RAGE_E2E_CLUSTER=FOLDER uses a cluster
that an earlier run left there (RAGE_E2E_KEEP=1), so that one step can be tried again."""

import contextlib
import time
import unittest

from envoy_gateway import Askers, EnvoyGateway
from node_cluster import (
    CHART, RELEASE, SCHEDULE, RagClient, Writer, installed_cluster, local_volume, timed,
    wait_until,
)

NAMESPACE = "demo"
SET_PODS = "inferenceset.kaito.sh/created-by=chat"
RAG_PODS = "kaito.sh/ragengine=docs"
MODELS = ("chat", "second")


def inference_set(name):
    return {
        "apiVersion": "kaito.sh/v1beta1", "kind": "InferenceSet", "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "labelSelector": {"matchLabels": {"apps": "cpu"}},
            "template": {
                "metadata": {"annotations": {
                    "kaito.sh/runtime": "llamacpp", "rage.dev/cpu-request": "200m",
                    "rage.dev/context-tokens": "4096",
                }},
                "inference": {"preset": {"name": "packaged:SmolLM2-135M-Instruct"}},
            },
        },
    }


def manifests(volume_folder):
    return [
        local_volume("docs", volume_folder),
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "chat"},
            "spec": {
                "selector": dict([SET_PODS.split("=")]),
                "ports": [{"port": 80, "targetPort": 5000}],
            },
        },
        inference_set("chat"),
        {
            "apiVersion": "kaito.sh/v1beta1", "kind": "RAGEngine", "metadata": {"name": "docs"},
            "spec": {
                "embedding": {"local": {"modelID": "packaged:all-MiniLM-L6-v2"}},
                "storage": {"persistentVolume": {"size": "1Gi"}},
                "inferenceService": {
                    "url": "http://chat/v1/chat/completions", "contextWindowSize": 4096,
                },
            },
        },
    ]


def condition(document, kind):
    for each in document.get("status", {}).get("conditions", []):
        if each["type"] == kind:
            return each["status"]
    return ""


class EndToEnd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = installed_cluster(cls)
        cls.api = cls.cluster.api
        cls.writer = None
        cls.schedule = None
        cls.acknowledged = set()

    @classmethod
    def tearDownClass(cls):
        if cls.writer:
            cls.writer.stop()

    def setUp(self):
        self.rag = RagClient(self._address("docs")) if self._testMethodName > "test_2" else None

    def _address(self, service):
        return self.api.get("Service", service, NAMESPACE)["spec"]["clusterIP"]

    def _wait(self, told, until, seconds=120):
        with timed(told):
            wait_until(until, lambda: f"{told}\n{self.cluster.explain(NAMESPACE, RELEASE)}",
                       seconds, interval=0.3)

    def _scale(self, replicas):
        self.cluster.kubectl("scale", "-n", NAMESPACE, "inferenceset/chat",
                             f"--replicas={replicas}")

    def _set_is(self, replicas):
        """Status, pods and children all say `replicas`."""
        found = self.api.get("InferenceSet", "chat", NAMESPACE)["status"]
        pods = self.cluster.pods(NAMESPACE, SET_PODS)
        ready = self.cluster.ready_pods(NAMESPACE, SET_PODS)
        return (
            found.get("readyReplicas", 0) == found.get("replicas", 0) == replicas
            and len(pods) == len(ready) == replicas
            and len(self.api.list("Workspace", NAMESPACE)) == replicas
        )

    def _rag_is_ready(self):
        """The status, and whether it is true."""
        engine = self.api.get("RAGEngine", "docs", NAMESPACE)
        said = condition(engine, "ServiceReady") == "True"
        return said and len(self.cluster.ready_pods(NAMESPACE, RAG_PODS)) == 1

    def _answers(self):
        """Ready comes first, then the node's proxy hears of it."""
        with contextlib.suppress(OSError):
            return self.rag.call("GET", "/health", timeout=5)[0] == 200

    def _nothing_is_lost(self):
        wait_until(self._answers, "the RAG service answers through its Service", 15)
        self.acknowledged |= self.writer.acknowledged if self.writer else set()
        lost = self.acknowledged - self.rag.texts("notes")
        self.assertEqual(lost, set(), "acknowledged, then lost")
        self.assertEqual(self.rag.texts("schedule_index"), self._schedule())

    def _schedule(self):
        """As it was indexed: pieces of long descriptions are rows of their own."""
        if self.schedule is None:
            type(self).schedule = self.rag.texts("schedule_index")
            self.assertGreaterEqual(len(self.schedule), len(SCHEDULE["documents"]))
        return self.schedule

    def test_1_become_ready(self):
        with contextlib.suppress(AssertionError):
            self.cluster.kubectl("create", "namespace", NAMESPACE)
        for document in manifests(self.cluster.folder / "volume"):
            self.api.apply(document, NAMESPACE, manager="kubectl")
        self._wait("the RAGEngine is ready", lambda: self.api.get(
            "RAGEngine", "docs", NAMESPACE).get("status") and self._rag_is_ready())
        self._wait("the InferenceSet is ready", lambda: self._set_is(1))
        workspace, = self.api.list("Workspace", NAMESPACE)
        self.assertEqual(condition(workspace, "WorkspaceSucceeded"), "True")
        self.assertEqual(workspace["status"]["workerNodes"], ["node1"])
        self.assertEqual(condition(self.api.get("InferenceSet", "chat", NAMESPACE),
                                   "InferenceSetReady"), "True")

    def test_2_pods_have_no_privileges(self):
        for pod in [*self.cluster.pods(NAMESPACE), *self.cluster.pods(RELEASE)]:
            spec = pod["spec"]
            self.assertTrue(spec["securityContext"]["runAsNonRoot"])
            for container in spec["containers"]:
                security = container["securityContext"]
                self.assertTrue(security["readOnlyRootFilesystem"])
                self.assertEqual(security["capabilities"]["drop"], ["ALL"])

    def test_3_the_schedule_is_indexed_and_answers(self):
        with timed("92 sessions indexed through the Service"):
            status, reply = self.rag.call("POST", "/index", SCHEDULE, timeout=120)
        self.assertIn(status, (200, 201), reply)
        self._schedule()
        with timed("a grounded answer"):
            reply = self.rag.ask("Who gives the keynote on Sunday and where?")
        answer = reply["choices"][0]["message"]["content"]
        print(f"           {answer}", flush=True)
        for expected in ("Russinovich", "Ballroom"):
            self.assertIn(expected, answer)
        reply = self.rag.ask("When does Linus Torvalds speak?")
        answer = reply["choices"][0]["message"]["content"]
        print(f"           {answer}", flush=True)
        self.assertNotRegex(answer, r"\d:\d\d")
        self.assertIn("Torvalds", answer)
        with timed("24 tokens of the model, through the RAG service"):
            reply = self.rag.ask("Say hello to the audience.", index=None)
        self.assertTrue(reply["choices"][0]["message"]["content"])

    def test_4_the_model_answers_through_its_service(self):
        model = RagClient(self._address("chat"))
        with timed("16 tokens of the model"):
            status, reply = model.call("POST", "/v1/chat/completions", {
                "model": "chat", "max_tokens": 16,
                "messages": [{"role": "user", "content": "Say hello."}],
            })
        self.assertEqual(status, 200, reply)
        self.assertTrue(reply["choices"][0]["message"]["content"])
        status, models = model.call("GET", "/v1/models")
        self.assertEqual([each["id"] for each in models["data"]], ["chat"])

    def test_5_scales_1_3_0_1(self):
        self._write()
        for replicas in (3, 0, 1):
            self._scale(replicas)
            self._wait(f"{replicas} replicas", lambda: self._set_is(replicas))
        self._nothing_is_lost()

    def test_6_pods_are_killed(self):
        self._write()
        pod, = self.cluster.pods(NAMESPACE, RAG_PODS)
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        self.cluster.kill_container(uid, "docs")
        self._wait("the RAG service after kill -9", lambda: self._restarts(name) == 1
                   and self._rag_is_ready())
        self._nothing_is_lost()
        self._delete_pod(RAG_PODS, now=True)
        self._wait("a new RAG pod", self._rag_is_ready)
        self._nothing_is_lost()
        self._delete_pod(SET_PODS, now=True)
        self._wait("a new model pod", lambda: self._set_is(1))

    def _restarts(self, name):
        pod = self.api.get("Pod", name, NAMESPACE)
        return sum(each["restartCount"] for each in pod["status"]["containerStatuses"])

    def _delete_pod(self, selector, namespace=NAMESPACE, now=False):
        """Returns once it is gone."""
        pod = self.cluster.pods(namespace, selector)[0]
        flags = ["--grace-period=0", "--force"] if now else []
        self.cluster.kubectl("delete", "pod", "-n", namespace, pod["metadata"]["name"], *flags)

    def test_7_the_leader_goes(self):
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{RELEASE}/leases/ef60f9b0.io"
        before = self.api.request("GET", lease)["spec"]["holderIdentity"]
        pod = before.split("_")[0]
        self.assertIn(pod, [each["metadata"]["name"] for each in self.cluster.pods(RELEASE)])
        self.cluster.kubectl("delete", "pod", "-n", RELEASE, pod)

        def another_leads():
            holder = self.api.request("GET", lease)["spec"].get("holderIdentity", "")
            return holder and holder != before

        self._wait("another replica leads", another_leads, 40)
        self._scale(2)
        self._wait("and scales the set to 2", lambda: self._set_is(2))
        self._scale(1)
        self._wait("and back", lambda: self._set_is(1))

    def test_8_the_kubelet_restarts(self):
        self._write()
        pods = {pod["metadata"]["uid"] for pod in self.cluster.pods(NAMESPACE)}
        self.cluster.kill("kubelet")
        self._wait("the node is lost, and the status says so", lambda: not any((
            condition(self.api.get("RAGEngine", "docs", NAMESPACE), "ServiceReady") == "True",
            self.api.get("InferenceSet", "chat", NAMESPACE)["status"].get("readyReplicas"),
        )), 120)
        self.cluster.start("kubelet")
        self._wait("the node is back, and so is the status",
                   lambda: self._rag_is_ready() and self._set_is(1))
        now = {pod["metadata"]["uid"] for pod in self.cluster.pods(NAMESPACE)}
        self.assertEqual(now, pods, "no pod had to go")
        self._nothing_is_lost()

    def test_9_helm_upgrade(self):
        self._write()
        with timed("helm upgrade --wait: new images"):
            self.cluster.helm(
                "upgrade", "rage", CHART, "--wait", "--timeout", "180s", "--reuse-values",
                "--set", "image.tag=next", "--set", "llamacppImage.tag=next",
            )

        def runs_next(selector):
            pods = self.cluster.ready_pods(NAMESPACE, selector)
            return pods and all(
                pod["spec"]["containers"][0]["image"].endswith(":next") for pod in pods
            )

        self._wait("the RAG service runs the new image", lambda: runs_next(RAG_PODS)
                   and self._rag_is_ready())
        self._wait("the model runs the new image", lambda: runs_next(SET_PODS) and self._set_is(1))
        self._nothing_is_lost()
        answer = self.rag.ask("Who gives the keynote on Sunday and where?")
        self.assertIn("Russinovich", answer["choices"][0]["message"]["content"])
        metrics = self.cluster.operator_metrics()
        self.assertEqual(self.cluster.refused(), set(), "the chart's rights suffice")
        errors = {
            line for line in metrics.splitlines()
            if line.startswith("controller_runtime_reconcile_errors_total")
            and float(line.rsplit(" ", 1)[1]) > 0
        }
        print(f"           reconcile errors since the upgrade: {errors or 'none'}", flush=True)

    def test_a_each_model_is_reached_by_its_name_and_no_request_is_lost(self):
        """A pod goes while both models are asked without pause."""
        self.api.apply(inference_set("second"), NAMESPACE, manager="kubectl")
        self._scale(2)
        self._wait("a second model, and two replicas of the first", lambda: [
            len(self._model_pods(model)) for model in MODELS] == [2, 1])
        pickers = {model: f"{model}-inferencepool-epp" for model in MODELS}
        self._wait("the pickers are ready", lambda: all(self.cluster.ready_pods(
            NAMESPACE, f"app.kubernetes.io/instance={name}") for name in pickers.values()))
        gateway = EnvoyGateway(
            self.cluster.folder, self.api.get("Service", "rage-bbr", RELEASE)["spec"]["clusterIP"],
            {model: self._address(name) for model, name in pickers.items()},
        )
        self.addCleanup(gateway.stop)
        owners = {}

        def publish():
            for model in MODELS:
                addresses = [pod["status"]["podIP"] for pod in self._model_pods(model)]
                owners.update(dict.fromkeys(addresses, model))
                gateway.set_endpoints(model, addresses)

        publish()

        def each_model_answers():
            with contextlib.suppress(OSError):
                return all(gateway.ask(model)[0] == 200 for model in MODELS)

        self._wait("Envoy, router and pickers answer for both models", each_model_answers)
        askers = Askers(gateway, MODELS)
        try:
            wait_until(lambda: len(askers.replies) > 20, "both are asked", 60)
            self._delete_pod(SET_PODS, now=True)
            publish()
            self._wait("a new pod of the first model", lambda: len(self._model_pods("chat")) == 2)
            publish()
            asked = len(askers.replies)
            wait_until(lambda: len(askers.replies) > asked + 20, "both are asked still", 60)
        finally:
            replies = askers.stop()
        self.assertEqual([each for each in replies if each[1] != 200], [], "a request is lost")
        for model, _, body, served in replies:
            self.assertEqual(owners[served], model, "a pod of another model answered")
            self.assertIn(f'"model":"{model}"', body.replace(" ", ""))
        served = {model: {each[3] for each in replies if each[0] == model} for model in MODELS}
        print(f"           {len(replies)} answered, by {served}", flush=True)

    def _model_pods(self, model):
        return self.cluster.ready_pods(NAMESPACE, f"inferenceset.kaito.sh/created-by={model}")

    def _write(self):
        if self.writer is None:
            type(self).writer = Writer(self.rag, int(time.time()) % 100_000 * 100)
            wait_until(lambda: len(self.writer.acknowledged) > 2, "notes are written", 30)


if __name__ == "__main__":
    unittest.main()
