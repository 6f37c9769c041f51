"""`rage get|describe|logs|wait|doctor` against a real API server: get is kubectl's get byte for
byte; doctor names the cause of failures that are staged here."""

import contextlib
import datetime
import json
import os
import re
import subprocess
import time
import unittest

from support import BINARY, ClusterTest, fake_node, is_ready, need_crds, need_operator, wait_until

SMALL = "Standard_NC24ads_A100_v4"  # One GPU.


def labelled(name, apps, **more):
    return fake_node(name, SMALL, {"apps": apps}, **more)


def workspace(name, apps, **inference):
    inference = inference or {"preset": {"name": "phi-4-mini-instruct"}}
    return {
        "apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": name},
        "resource": {"labelSelector": {"matchLabels": {"apps": apps}}}, "inference": inference,
    }


def template(image, gpus=0):
    container = {"name": "main", "image": image}
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    return {"spec": {"containers": [container]}}


def inference_set(name, apps, replicas):
    return {
        "apiVersion": "kaito.sh/v1beta1", "kind": "InferenceSet", "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "labelSelector": {"matchLabels": {"apps": apps}},
            "template": {"inference": {"preset": {"name": "phi-4-mini-instruct"}}},
        },
    }


def rag_engine(name, **more):
    return {
        "apiVersion": "kaito.sh/v1beta1", "kind": "RAGEngine", "metadata": {"name": name},
        "spec": {
            "embedding": {"local": {"modelID": "BAAI/bge-small-en-v1.5"}},
            "inferenceService": {"url": "http://phi/v1/chat/completions", "contextWindowSize": 4096},
            **more,
        },
    }


class CliTest(ClusterTest):
    def rage(self, *arguments, timeout=120):
        """As a person would: the cluster comes from $KUBECONFIG."""
        return subprocess.run(
            [BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
            env={**os.environ, "KUBECONFIG": str(self.cluster.folder / "kubeconfig")},
        )

    def start(self, *arguments):
        process = subprocess.Popen(
            [BINARY, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env={**os.environ, "KUBECONFIG": str(self.cluster.folder / "kubeconfig")},
        )

        def stop():
            process.kill()
            process.wait()
            process.stdout.close()

        self.addCleanup(stop)
        return process

    def doctor(self, *arguments):
        told = self.rage("doctor", *arguments, "--json")
        self.assertIn(told.returncode, (0, 1), told.stderr)
        self.assertEqual(told.stderr, "")
        diagnosis = json.loads(told.stdout)
        self.assertEqual(told.returncode, 0 if diagnosis["well"] else 1)
        return diagnosis

    def first_error(self, *arguments):
        told = self.doctor(*arguments)["findings"]
        found = [each for each in told if each["severity"] == "error"]
        return found[0] if found else {"cause": "none", "what": "", "evidence": [], "todo": []}

    def until_cause(self, cause, *arguments):
        """The first error, as soon as it is of that cause."""
        last = {}

        def is_told():
            last.update(self.first_error(*arguments))
            return last["cause"] == cause

        wait_until(is_told, lambda: f"{arguments}: {cause} comes first\n{last}", 60, 0.5)
        self.assertTrue(last["evidence"], last)
        self.assertTrue(last["todo"], last)
        return last

    def set_container_state(self, namespace, pod, state, last_state=None):
        """What a kubelet would say of a container; KWOK leaves broken pods alone."""
        found = wait_until(lambda: self.api.get("Pod", pod, namespace), f"pod {pod} is there")
        wait_until(
            lambda: self.api.get("Pod", pod, namespace)["status"].get("containerStatuses"),
            f"pod {pod} has a status",
        )
        name = found["spec"]["containers"][0]["name"]
        status = {
            "name": name, "image": "x", "imageID": "", "ready": False, "restartCount": 3,
            "state": state, **({"lastState": last_state} if last_state else {}),
        }
        self.api.request(
            "PATCH", self.api.path("Pod", namespace, pod, "status"),
            {"status": {"containerStatuses": [status]}}, "application/merge-patch+json",
        )


class Commands(CliTest):
    crds = ("inference",)

    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        super().setUpClass()
        api = cls.api
        for number in range(3):
            api.create(labelled(f"good-{number}", "good"))
        cls.run_operator()
        cls.cluster.ensure_namespace("other")
        api.create(inference_set("phis", "good", 2), "default")
        api.create(workspace("phi", "good"), "other")
        api.create(rag_engine("handbook"), "default")
        api.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd"},
             "data": ODD_DATA}, "default",
        )
        for kind, name, namespace in (
            ("InferenceSet", "phis", "default"), ("Workspace", "phi", "other"),
            ("RAGEngine", "handbook", "default"),
        ):
            wait_until(
                lambda: is_ready(api.get(kind, name, namespace)), f"{kind} {name} is ready", 60
            )

    def compare(self, *arguments):
        """Ages move on: whatever lies between two equal answers of kubectl has to be the same."""
        for _ in range(20):
            before = self.cluster.kubectl("get", *arguments, check=False)
            ours = self.rage("get", *arguments)
            after = self.cluster.kubectl("get", *arguments, check=False)
            if before.stdout == after.stdout:
                break
        self.assertEqual(before.stdout, after.stdout, "kubectl's own answers differ")
        self.assertEqual(ours.stdout, before.stdout)
        self.assertEqual(ours.returncode, before.returncode, ours.stderr)
        return ours

    def test_get_prints_what_kubectl_prints(self):
        replica = self.api.list("Workspace", "default")[0]["metadata"]["name"]
        for arguments in (
            ["workspaces"], ["wk", "-A"], ["workspace", "-o", "wide"], ["wks", "-A", "-o", "wide"],
            ["inferencesets"], ["is", "-o", "wide"], ["RAGEngine"], ["rag", "-o", "wide"],
            ["modelmirrors"], ["mri"], ["autoindexers", "-A"],
            ["pods"], ["pods", "-o", "wide"], ["po", "-A", "-o", "wide"], ["nodes", "-o", "wide"],
            ["workspace", replica], [f"workspace/{replica}", "-o", "wide"],
            ["workspace", "phi", "-n", "other"], ["inferenceset,ragengine,pods"],
            ["sts", "-A"], ["deployments.apps"], ["svc,cm", "-n", "other"], ["all"],
            ["pods", "-l", "kaito.sh/workspace"], ["pods", "-l", "a=b"], ["pods", "--no-headers"],
            ["pods", "--field-selector", "status.phase=Pending"], ["crd"],
            ["workspace", replica, "-o", "json"], ["workspace", replica, "-o", "yaml"],
            ["workspaces", "-o", "json"], ["workspaces", "-A", "-o", "yaml"],
            ["pods", "-A", "-o", "json"], ["pods", "-A", "-o", "yaml"],
            ["nodes", "-o", "yaml"], ["sts", "-A", "-o", "yaml"], ["crd", "-o", "yaml"],
            ["crd", "-o", "json"], ["cm", "odd", "-o", "yaml"], ["cm", "odd", "-o", "json"],
            ["workspaces", "-o", "name"], ["pods,svc", "-o", "name"],
            ["workspace", replica, "-o", "name"], ["mri", "-o", "json"],
            ["workspaces", "-o", "jsonpath={.items[*].metadata.name}"],
            ["workspaces", "-o", r"jsonpath={range .items[*]}{.metadata.name}{'\t'}{.status.state}"
             r"{'\n'}{end}"],
            ["workspace", replica, "-o",
             "jsonpath={.status.conditions[?(@.type=='WorkspaceSucceeded')].status}"],
        ):
            with self.subTest(" ".join(arguments)):
                self.compare(*arguments)

    def test_get_says_what_kubectl_says_if_there_is_nothing(self):
        for arguments in (["mri"], ["mri", "-A"], ["modelmirrors"]):
            with self.subTest(" ".join(arguments)):
                theirs = self.cluster.kubectl("get", *arguments, check=False)
                self.assertEqual(self.rage("get", *arguments).stderr, theirs.stderr)
        missing = self.rage("get", "workspace", "nobody")
        self.assertEqual(missing.returncode, 1)
        self.assertIn('workspaces.kaito.sh "nobody" not found', missing.stderr)
        unknown = self.rage("get", "workspce")
        self.assertIn("did you mean workspaces", unknown.stderr)

    def test_get_for_scripts(self):
        lines = self.rage("get", "pods", "-A", "-o", "tsv").stdout.splitlines()
        self.assertEqual(len(lines), len(self.api.list("Pod")))
        self.assertTrue(all(line.count("\t") == 5 for line in lines), lines)

    def test_get_watches(self):
        process = self.start("get", "configmaps", "-n", "other", "-w")
        self.assertRegex(process.stdout.readline(), r"^NAME +DATA +AGE$")
        self.api.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "watched"},
             "data": {"a": "b"}}, "other",
        )
        wait_until(lambda: process.stdout.readline().startswith("watched "), "the row comes", 30)

    def test_describe_shows_children_pods_and_conditions(self):
        text = self.rage("describe", "inferenceset/phis").stdout
        replica = self.api.list("Workspace", "default")[0]["metadata"]["name"]
        self.assertRegex(text, r"(?m)^Name: +phis$")
        self.assertRegex(text, r"(?m)^Ready: +ready$")
        self.assertRegex(text, rf"(?m)^  [├└]─ Workspace/{replica}  ready$")
        self.assertRegex(text, rf"(?m)^  .  [├└]─ StatefulSet/{replica}  1/1 ready$")
        self.assertRegex(text, rf"(?m)^  {replica}-0: Running, 1/1 ready, on good-\d$")
        self.assertRegex(text, r"(?m)^  InferenceSetReady +True +\d+s +inferencesetReady$")
        self.assertIn("Events:", text)
        node = self.rage("describe", "node", "good-0").stdout
        self.assertRegex(node, r"(?m)^Kind: +Node \(v1\)$")
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
                  "stringData": {"token": "do-not-show"}}
        self.api.create(secret, "default")
        shown = self.rage("describe", "secret", "s").stdout
        self.assertIn("token:", shown)
        self.assertNotIn("do-not-show", shown)
        self.assertNotIn("ZG8tbm90", shown)

    def test_logs_are_those_of_the_pods_behind_a_resource(self):
        lines = self.rage("logs", "workspace/phi", "-n", "other").stdout
        self.assertIn("KAITO_BENCHMARK_RESULT", lines)
        self.assertEqual(
            lines, self.cluster.kubectl("logs", "-n", "other", "phi-0"),
        )
        several = self.rage("logs", "inferenceset/phis").stdout
        pods = {each["metadata"]["name"] for each in self.api.list("Pod", "default")
                if "kaito.sh/workspace" in each["metadata"]["labels"]}
        told = {re.match(r"\[pod/([^/]+)/", line)[1] for line in several.splitlines()}
        self.assertLessEqual(pods, told)  # And the endpoint picker's pod, which is the set's, too.
        one = self.rage("logs", "inferenceset/phis", "--tail", "1").stdout.splitlines()
        self.assertEqual(len(one), len(told), one)
        wrong = self.rage("logs", "workspace/phi", "-n", "other", "-c", "nobody")
        self.assertIn("no container nobody in these pods; they have phi", wrong.stderr)

    def test_logs_follow(self):
        process = self.start("logs", "workspace/phi", "-n", "other", "-f")
        wait_until(lambda: "KAITO_BENCHMARK_RESULT" in process.stdout.readline(), "lines come", 30)

    def test_wait_knows_what_ready_means(self):
        for target, namespace in (
            ("inferenceset/phis", "default"), ("workspace/phi", "other"),
            ("ragengine/handbook", "default"), ("node/good-0", "default"),
        ):
            with self.subTest(target):
                done = self.rage("wait", target, "-n", namespace)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("condition met", done.stdout)
        theirs = self.cluster.kubectl(
            "wait", "--for=condition=InferenceSetReady", "inferenceset/phis"
        )
        ours = self.rage("wait", "--for=condition=InferenceSetReady", "inferenceset/phis")
        self.assertEqual(ours.stdout, theirs)
        done = self.rage("wait", "workspace/phi", "-n", "other",
                         "--for", "jsonpath={.status.state}=Ready")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_wait_sees_what_happens_meanwhile(self):
        self.cluster.ensure_namespace("later")
        process = self.start("wait", "workspace/late", "-n", "later", "--for", "create",
                             "--timeout", "60s")
        time.sleep(1)
        self.api.create(workspace("late", "late"), "later")
        self.assertEqual(process.wait(60), 0)
        process = self.start("wait", "workspace/late", "-n", "later", "--timeout", "60s")
        time.sleep(1)
        self.api.create(labelled("late-0", "late"))
        self.assertEqual(process.wait(60), 0, process.stdout.read())
        process = self.start("wait", "workspace/late", "-n", "later", "--for", "delete",
                             "--timeout", "60s")
        time.sleep(1)
        self.api.delete("Workspace", "late", "later")
        self.assertEqual(process.wait(60), 0, process.stdout.read())

    def test_wait_says_why_it_gives_up(self):
        self.cluster.ensure_namespace("never")
        self.api.create(workspace("never", "never"), "never")
        began = time.monotonic()
        done = self.rage("wait", "workspace/never", "-n", "never", "--timeout", "3s")
        self.assertEqual(done.returncode, 1)
        self.assertLess(time.monotonic() - began, 30)
        self.assertIn("timed out waiting for ready on workspaces/never", done.stderr)
        self.assertIn("[nodes] Workspace never/never", done.stderr)
        self.assertIn("kubectl label node", done.stderr)

    # ---- The doctor

    def stage(self, namespace, *documents):
        self.cluster.ensure_namespace(namespace)
        for document in documents:
            self.api.create(document, namespace)

    def test_doctor_finds_nothing_where_nothing_is_wrong(self):
        told = self.rage("doctor", "inferenceset/phis")
        self.assertEqual(told.returncode, 0, told.stdout)
        self.assertRegex(
            told.stdout, r"^all well \(1 InferenceSet, 3 Pods, 2 Workspaces, \d+ Nodes"
        )

    def test_doctor_no_node_with_the_label(self):
        self.stage("nolabel", workspace("w", "nolabel"))
        finding = self.until_cause("nodes", "workspace/w", "-n", "nolabel")
        self.assertIn("0 of the 1 node needed have the label apps=nolabel", finding["what"])
        self.assertRegex(finding["todo"][0], r"^kubectl label node \S+ apps=nolabel$")

    def test_doctor_node_not_ready(self):
        node = labelled("down-0", "down")
        node["metadata"]["labels"]["rage-test/down"] = "true"
        self.api.create(node)
        self.stage("down", workspace("w", "down"))
        finding = self.until_cause("nodes", "workspace/w", "-n", "down")
        self.assertIn("down-0 is not ready", finding["evidence"][0])

    def test_doctor_gpus_held_by_others(self):
        self.api.create(labelled("held-0", "held"))
        self.stage("holder", workspace("first", "held"))
        wait_until(lambda: is_ready(self.api.get("Workspace", "first", "holder")), "it holds", 60)
        self.stage("held", workspace("second", "held"))
        finding = self.until_cause("gpus", "workspace/second", "-n", "held")
        self.assertIn("holder/first-0 holds 1", finding["evidence"][0])

    def test_doctor_image_that_cannot_be_pulled(self):
        self.api.create(labelled("image-0", "image"))
        self.stage("image", workspace("w", "image", template=template("registry/broken:1")))
        finding = self.until_cause("image", "workspace/w", "-n", "image")
        self.assertEqual(finding["object"], "Pod image/w-0")
        self.assertIn("registry/broken:1", finding["what"])

    def test_doctor_crash_with_its_last_lines(self):
        self.api.create(labelled("crash-0", "crash"))
        self.stage("crash", workspace("w", "crash", template=template("registry/broken:1")))
        self.set_container_state(
            "crash", "w-0", {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            {"terminated": {"exitCode": 3, "reason": "Error",
                            "finishedAt": "2026-01-01T00:00:00Z"}},
        )
        finding = self.until_cause("crash", "workspace/w", "-n", "crash")
        self.assertIn("3 restarts", finding["what"])
        self.assertIn("the last exit code was 3", finding["evidence"])
        self.assertTrue(any("KAITO_BENCHMARK" in line for line in finding["evidence"]), finding)

    def test_doctor_out_of_memory(self):
        self.api.create(labelled("oom-0", "oom"))
        self.stage("oom", workspace("w", "oom", template=template("registry/broken:1")))
        self.set_container_state(
            "oom", "w-0", {"terminated": {"exitCode": 137, "reason": "OOMKilled",
                                          "finishedAt": "2026-01-01T00:00:00Z"}},
        )
        self.until_cause("memory", "workspace/w", "-n", "oom")

    def test_doctor_secret_that_is_missing_or_lacks_its_key(self):
        preset = {"name": "llama-3.1-8b-instruct",
                  "presetOptions": {"modelAccessSecret": "hf"}}
        self.stage("secret", workspace("w", "secret", preset=preset))
        finding = self.until_cause("reference", "workspace/w", "-n", "secret")
        self.assertEqual(finding["what"], "Secret secret/hf does not exist")
        self.stage("secret", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hf"},
                              "stringData": {"TOKEN": "do-not-show"}})
        told = self.rage("doctor", "workspace/w", "-n", "secret").stdout
        self.assertIn("Secret secret/hf has no key HF_TOKEN", told)
        self.assertIn("it has TOKEN", told)
        self.assertNotIn("do-not-show", told)

    def test_doctor_gated_model_without_a_token(self):
        self.stage("gated", workspace("w", "gated", preset={"name": "llama-3.1-8b-instruct"}))
        finding = self.until_cause("gated-model", "workspace/w", "-n", "gated")
        self.assertIn("llama-3.1-8b-instruct is gated", finding["what"])

    def test_doctor_inference_service_that_is_not_there(self):
        engine = rag_engine("r")
        engine["spec"]["inferenceService"]["url"] = "http://nobody.noservice/v1/chat/completions"
        self.stage("noservice", engine)
        finding = self.until_cause("reference", "ragengine/r", "-n", "noservice")
        self.assertEqual(finding["what"], "Service noservice/nobody does not exist")

    def test_doctor_claim_that_is_not_there(self):
        engine = rag_engine(
            "r", storage={"persistentVolume": {"persistentVolumeClaim": "nobody"}},
            inferenceService={"url": "https://api.example.com/v1", "contextWindowSize": 4096},
        )
        self.stage("noclaim", engine)
        finding = self.until_cause("volume", "ragengine/r", "-n", "noclaim")
        self.assertEqual(finding["object"], "PersistentVolumeClaim noclaim/nobody")

    def test_doctor_quota(self):
        self.cluster.ensure_namespace("quota")
        self.cluster.kubectl("create", "quota", "none", "--hard=pods=0", "-n", "quota")
        self.api.create(labelled("quota-0", "quota"))
        wait_until(
            lambda: "0" in self.cluster.kubectl(
                "get", "quota", "none", "-n", "quota", "-o", "jsonpath={.status.used.pods}"),
            "the quota is known",
        )
        self.stage("quota", workspace("w", "quota"))
        finding = self.until_cause("quota", "workspace/w", "-n", "quota")
        self.assertIn("pods is used up: 0 of 0", finding["evidence"])

    def test_doctor_taint(self):
        self.api.create(labelled(
            "taint-0", "taint", taints=[{"key": "team", "value": "b", "effect": "NoSchedule"}],
        ))
        self.stage("taint", workspace("w", "taint"))
        finding = self.until_cause("nodes", "workspace/w", "-n", "taint")
        self.assertEqual(finding["evidence"], ["taint-0 has the taint team=b:NoSchedule"])
        causes = [each["cause"] for each in self.doctor("workspace/w", "-n", "taint")["findings"]]
        self.assertLess(causes.index("nodes"), causes.index("scheduling"))

    def test_doctor_a_roll_out_that_stopped(self):
        for number in range(2):
            self.api.create(labelled(f"roll-{number}", "roll"))
        made = inference_set("s", "roll", 1)
        made["spec"]["template"]["inference"] = {"template": template("registry/good:1", 1)}
        self.stage("roll", made)
        wait_until(lambda: is_ready(self.api.get("InferenceSet", "s", "roll")), "it is ready", 60)
        self.api.request(
            "PATCH", self.api.path("InferenceSet", "roll", "s"),
            {"spec": {"template": {
                "inference": {"template": template("registry/broken:1", 1)}}}},
            "application/merge-patch+json",
        )
        def causes():
            found = self.doctor("inferenceset/s", "-n", "roll")["findings"]
            return [each["cause"] for each in found]

        wait_until(lambda: "rollout" in causes(), lambda: f"rollout is told: {causes()}", 60, 0.5)
        self.assertLess(causes().index("image"), causes().index("rollout"))

    def test_every_command_explains_itself_with_an_example(self):
        for command in ("get", "describe", "logs", "wait", "doctor"):
            told = self.rage(command, "--help")
            self.assertEqual(told.returncode, 0)
            self.assertIn("Examples:", told.stdout)


# What YAML and JSON writers get wrong. Left out: U+0085 and U+FEFF, which libyaml writes in another
# way.
ODD_DATA = {
    "empty": "", "yes": "yes", "number": "012", "float": "1e3", "date": "2026-01-01",
    "time": "12:30:45", "null": "null", "tilde": "~", "tab": "a\tb", "colon": "a: b",
    "hash": "a #b",
    "spaces": "  a", "trailing": "a ", "quote": "it's", "double": 'say "x"', "dash": "- a",
    "block": "one\ntwo\n", "no-end": "one\ntwo", "ends": "one\n\n\n", "indented": "  one\n two\n",
    "space-lines": "one \n two\n", "unicode": "äöü € 漢字", "emoji": "😀",
    "markup": "<a href='x'>&</a>",
    "back": "a\\b", "percent": "%x", "at": "@x", "star": "*x", "amp": "&x", "brace": "{a}",
    "comma": "a, b", "bang": "!x", "question": "? x", "pipe": "| x", "long": "word " * 40,
    "long-quoted": "it's: " + "word " * 40, "long-tab": "tab\t" + "word " * 40,
    "line-separator": "a\u2028b", "control": "a\u0001b", "crlf": "a\r\nb\r\n",
    "a10": "x", "a9": "x", "A": "x", "a.b": "x", "a-b": "x", "a_b": "x",
}


class Broken(CliTest):
    """What is wrong with the installation comes before everything else."""

    crds = ("inference",)

    @classmethod
    def setUpClass(cls):
        need_crds()
        super().setUpClass()
        cls.api.create(workspace("w", "nobody"), "default")

    def test_1_nobody_reconciles(self):
        old = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=10)
        lease = {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "ef60f9b0.io"},
            "spec": {"holderIdentity": "gone", "leaseDurationSeconds": 15,
                     "renewTime": old.strftime("%Y-%m-%dT%H:%M:%S.000000Z")},
        }
        self.api.request(
            "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases", lease
        )
        finding = self.until_cause("operator", "workspace/w")
        self.assertIn("of gone was renewed 10m", finding["evidence"][0])

    def test_2_a_webhook_without_a_service(self):
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "validation.workspace.kaito.sh"},
            "webhooks": [{
                "name": "validation.workspace.kaito.sh", "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": {"namespace": "kaito", "name": "webhook"}},
                "rules": [{"apiGroups": ["kaito.sh"], "apiVersions": ["*"],
                           "operations": ["CREATE"], "resources": ["workspaces"]}],
            }],
        }
        self.api.request(
            "POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
            configuration,
        )
        causes = [each["cause"] for each in self.doctor("workspace/w")["findings"]]
        self.assertIn("webhook", causes)
        self.assertLess(causes.index("operator"), causes.index("webhook"))

    def test_3_a_crd_is_missing(self):
        self.cluster.kubectl("delete", "crd", "workspaces.kaito.sh")
        for arguments in ((), ("workspace/w",)):
            with self.subTest(arguments):
                finding = self.until_cause("crds", *arguments)
                self.assertIn("workspaces.kaito.sh", finding["object"])
                self.assertIn("deploy/crds", finding["todo"][0])


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        unittest.main()
