"""What a person does with the real kubectl, against `rage apiserver`."""

import json
import unittest

from embedded import ROOT, Embedded, wait_until

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.org/web:1.0
        ports: [{containerPort: 80}]
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 80}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: fast, level: "3"}
"""
WORKSPACE = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector: {matchLabels: {apps: phi}}
inference:
  preset: {name: phi-4-mini-instruct}
"""


class Kubectl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Embedded()
        cls.addClassCleanup(cls.cluster.stop)
        cls.kubectl = cls.cluster.kubectl
        cls.kubectl("apply", "-f", ROOT / "deploy/crds")

    def setUp(self):
        self.ns = f"t-{self._testMethodName.replace('_', '-')[:40]}"
        self.kubectl("create", "namespace", self.ns)

    def run_in(self, *arguments, **options):
        return self.kubectl("-n", self.ns, *arguments, **options)

    def get(self, *what):
        return json.loads(self.run_in("get", *what, "-o", "json"))

    def test_a_list_is_applied(self):
        """As `kubectl get -o yaml` prints it: kubectl looks for its type at /openapi/v2."""
        item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [item]})
        for flags in ((), ("--server-side", "--force-conflicts")):
            self.kubectl("apply", "-n", self.ns, "-f", "-", *flags, text=text)
        told = self.kubectl("get", "configmap", "one", "-n", self.ns, "-o", "name")
        self.assertEqual(told, "configmap/one\n")

    def test_crds_are_established(self):
        told = self.kubectl("wait", "--for=condition=Established", "crd/workspaces.kaito.sh")
        self.assertIn("condition met", told)
        self.assertIn("workspaces", self.kubectl("api-resources", "--api-group=kaito.sh"))

    def test_apply_changes_only_what_is_stated(self):
        told = self.run_in("apply", "-f", "-", text=DEPLOYMENT)
        self.assertIn("deployment.apps/web created", told)
        self.assertIn("configmap/settings created", told)
        again = self.run_in("apply", "-f", "-", text=DEPLOYMENT)
        self.assertEqual(again.count("unchanged"), 3, again)
        self.run_in("label", "deployment/web", "theirs=yes")
        changed = DEPLOYMENT.replace(', {name: B, value: "2"}', "").replace("web:1.0", "web:2.0")
        self.assertIn("deployment.apps/web configured", self.run_in("apply", "-f", "-",
                                                                    text=changed))
        found = self.get("deployment/web")
        container = found["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(container["image"], "example.org/web:2.0")
        self.assertEqual(container["env"], [{"name": "A", "value": "1"}])
        self.assertEqual(found["metadata"]["labels"]["theirs"], "yes")
        self.assertEqual(found["metadata"]["generation"], 2)

    def test_server_side_apply_and_conflicts(self):
        self.run_in("apply", "--server-side", "-f", "-", text=DEPLOYMENT)
        changed = DEPLOYMENT.replace("replicas: 2", "replicas: 5")
        refused = self.run_in("apply", "--server-side", "--field-manager=other", "-f", "-",
                              text=changed, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(".spec.replicas", refused.stderr)
        self.run_in("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f",
                    "-", text=changed)
        self.assertEqual(self.get("deployment/web")["spec"]["replicas"], 5)

    def test_get_prints_tables(self):
        self.run_in("apply", "-f", "-", text=DEPLOYMENT)
        rows = self.run_in("get", "deployment").splitlines()
        self.assertRegex(rows[0], r"^NAME +READY +UP-TO-DATE +AVAILABLE +AGE$")
        self.assertRegex(rows[1], r"^web +0/2 +0 +0 +\d+s$")
        wide = self.run_in("get", "deployment", "-o", "wide")
        self.assertIn("example.org/web:1.0", wide)
        self.assertRegex(self.run_in("get", "svc"), r"web +ClusterIP +127\.[\d.]+ +<none> +80/TCP")
        self.assertRegex(self.run_in("get", "cm", "settings"), r"settings +2 +\d+s")
        self.assertIn("kind: ConfigMap", self.run_in("get", "cm", "settings", "-o", "yaml"))
        self.assertEqual(
            self.run_in("get", "cm", "settings", "-o", "jsonpath={.data.mode}"), "fast")
        self.assertIn("deployment.apps/web", self.run_in("get", "all"))
        self.assertIn(self.ns, self.kubectl("get", "cm", "-A"))
        self.assertIn("settings", self.run_in("get", "cm", "--field-selector",
                                              "metadata.name=settings"))
        self.assertEqual(self.run_in("get", "deploy", "-l", "app!=web", "-o", "name"), "")

    def test_custom_resources(self):
        told = self.run_in("apply", "-f", "-", text=WORKSPACE)
        self.assertIn("workspace.kaito.sh/phi created", told)
        self.assertRegex(self.run_in("get", "workspace").splitlines()[0], r"^NAME +INSTANCE")
        self.assertIn("phi-4-mini-instruct", self.run_in("describe", "workspace", "phi"))
        old = json.loads(self.run_in("get", "workspaces.v1alpha1.kaito.sh", "phi", "-o", "json"))
        self.assertEqual(old["apiVersion"], "kaito.sh/v1alpha1")
        wrong = WORKSPACE.replace("preset:", "prest:")
        refused = self.run_in("apply", "-f", "-", text=wrong, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("prest", refused.stderr)

    def test_describe(self):
        self.run_in("apply", "-f", "-", text=DEPLOYMENT)
        told = self.run_in("describe", "deployment", "web")
        self.assertIn("example.org/web:1.0", told)
        self.assertIn("2 desired", told)
        self.assertIn("TargetPort", self.run_in("describe", "svc", "web"))
        self.assertIn("Active", self.kubectl("describe", "namespace", self.ns))

    def create(self, *what):
        """What kubectl sends as protobuf, as it was stored."""
        kind, *rest = what
        name = self.run_in("create", kind, "--output=name", *rest).strip()
        return self.get(name)

    def test_create_of_each_kind_that_kubectl_writes_as_protobuf(self):
        secret = self.create("secret", "generic", "s", "--from-literal=a=b")
        self.assertEqual((secret["data"], secret["type"]), ({"a": "Yg=="}, "Opaque"))
        self.assertEqual(self.create("configmap", "c", "--from-literal=a=")["data"], {"a": ""})
        self.assertEqual(self.create("serviceaccount", "sa")["kind"], "ServiceAccount")
        web = self.create("deployment", "web", "--image=nginx", "--replicas=0", "--port=80")
        self.assertEqual(web["spec"]["replicas"], 0)
        container = web["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(container["ports"], [{"containerPort": 80, "protocol": "TCP"}])
        self.assertEqual((container["name"], container["resources"]), ("nginx", {}))
        job = self.create("job", "j", "--image=busybox", "--", "echo", "hi")
        self.assertEqual(job["spec"]["template"]["spec"]["containers"][0]["command"],
                         ["echo", "hi"])
        cron = self.create("cronjob", "cj", "--image=busybox", "--schedule=*/5 * * * *")
        self.assertEqual(cron["spec"]["schedule"], "*/5 * * * *")
        role = self.create("role", "r", "--verb=get", "--resource=pods")
        self.assertEqual(role["rules"],
                         [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])
        binding = self.create("rolebinding", "rb", "--role=r", "--user=u")
        self.assertEqual(binding["roleRef"]["name"], "r")
        own = f"{self.ns}-all"
        self.create("clusterrole", own, "--verb=get", "--non-resource-url=/version")
        self.create("clusterrolebinding", own, f"--clusterrole={own}", "--group=g")
        service = self.create("service", "clusterip", "svc", "--tcp=80:http")
        self.assertEqual(service["spec"]["ports"][0]["targetPort"], "http")
        budget = self.create("poddisruptionbudget", "p", "--selector=a=b", "--min-available=50%")
        self.assertEqual(budget["spec"]["minAvailable"], "50%")
        self.run_in("run", "pod", "--image=nginx", "--env=A=b", "--labels=x=y")
        self.assertEqual(self.get("pod/pod")["spec"]["containers"][0]["env"],
                         [{"name": "A", "value": "b"}])
        self.assertEqual(self.run_in("auth", "can-i", "create", "pods").strip(), "yes")
        refused = self.run_in("create", "deployment", "web", "--image=nginx", check=False)
        self.assertIn("already exists", refused.stderr)

    def test_edit(self):
        self.run_in("create", "configmap", "c", "--from-literal=a=old")
        self.run_in("edit", "cm/c", environment={"KUBE_EDITOR": "sed -i s/old/new/"})
        self.assertEqual(self.get("cm/c")["data"], {"a": "new"})

    def test_patches(self):
        self.run_in("apply", "-f", "-", text=DEPLOYMENT)
        strategic = {"spec": {"template": {"spec": {"containers": [
            {"name": "web", "image": "example.org/web:3.0"},
            {"name": "side", "image": "example.org/side:1"}]}}}}
        self.run_in("patch", "deployment", "web", "-p", json.dumps(strategic))
        containers = self.get("deployment/web")["spec"]["template"]["spec"]["containers"]
        self.assertEqual({c["name"]: c["image"] for c in containers},
                         {"web": "example.org/web:3.0", "side": "example.org/side:1"})
        web = next(c for c in containers if c["name"] == "web")
        self.assertEqual(len(web["env"]), 2)
        self.run_in("patch", "cm", "settings", "--type=merge", "-p", '{"data":{"level":null}}')
        self.assertEqual(self.get("cm/settings")["data"], {"mode": "fast"})
        self.run_in("patch", "cm", "settings", "--type=json", "-p",
                    '[{"op":"add","path":"/data/x","value":"y"}]')
        self.assertEqual(self.get("cm/settings")["data"], {"mode": "fast", "x": "y"})

    def test_scale_label_annotate(self):
        self.run_in("apply", "-f", "-", text=DEPLOYMENT)
        self.run_in("scale", "deployment/web", "--replicas=7")
        self.assertEqual(self.get("deployment/web")["spec"]["replicas"], 7)
        refused = self.run_in("scale", "deployment/web", "--current-replicas=1", "--replicas=2",
                              check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.run_in("label", "cm/settings", "a=b")
        self.run_in("annotate", "cm/settings", "note=hello")
        metadata = self.get("cm/settings")["metadata"]
        self.assertEqual(metadata["labels"], {"a": "b"})
        self.assertEqual(metadata["annotations"]["note"], "hello")
        self.run_in("label", "cm/settings", "a-")
        self.assertNotIn("labels", self.get("cm/settings")["metadata"])

    def test_diff(self):
        self.run_in("apply", "-f", "-", text=DEPLOYMENT)
        same = self.run_in("diff", "-f", "-", text=DEPLOYMENT, check=False)
        self.assertEqual((same.returncode, same.stdout), (0, ""), same.stderr)
        differs = self.run_in("diff", "-f", "-", text=DEPLOYMENT.replace("fast", "slow"),
                              check=False)
        self.assertEqual(differs.returncode, 1, differs.stderr)
        self.assertIn("+  mode: slow", differs.stdout)

    def test_delete_and_wait(self):
        self.run_in("apply", "-f", "-", text=DEPLOYMENT)
        self.assertIn("deleted", self.run_in("delete", "deployment", "web", "--timeout=20s"))
        self.run_in("patch", "cm", "settings", "--type=merge", "-p",
                    '{"metadata":{"finalizers":["example.org/hold"]}}')
        self.run_in("delete", "cm", "settings", "--wait=false")
        self.assertIn("deletionTimestamp", self.get("cm/settings")["metadata"])
        self.run_in("patch", "cm", "settings", "--type=merge", "-p",
                    '{"metadata":{"finalizers":null}}')
        self.run_in("wait", "--for=delete", "cm/settings", "--timeout=20s")
        self.assertIn("NotFound", self.run_in("get", "cm", "settings", check=False).stderr)

    def test_deleting_a_namespace_empties_it(self):
        self.run_in("apply", "-f", "-", text=DEPLOYMENT)
        self.kubectl("delete", "namespace", self.ns, "--timeout=30s")
        self.assertEqual(self.run_in("get", "all", "-o", "name"), "")

    def test_explain(self):
        told = self.kubectl("explain", "deployment.spec.template.spec.containers")
        self.assertIn("imagePullPolicy", told)
        self.assertIn("preset", self.kubectl("explain", "workspace.inference"))


class Durable(unittest.TestCase):
    def test_acknowledged_writes_survive_kill_9(self):
        with Embedded() as cluster:
            for number in range(20):
                cluster.api.create({
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c-{number}"},
                    "data": {"n": str(number)},
                }, "default")
            before = cluster.api.list("ConfigMap", "default")
            cluster.kill()
            cluster.start()
            self.assertEqual(cluster.api.list("ConfigMap", "default"), before)

    def test_a_watch_goes_on_after_a_restart(self):
        with Embedded() as cluster:
            cluster.create("ConfigMap", "a", "default")
            cluster.kill()
            cluster.start()
            cluster.create("ConfigMap", "b", "default")
            wait_until(lambda: cluster.api.get("ConfigMap", "b", "default"), "b is there")

    def test_nobody_without_a_token(self):
        with Embedded() as cluster:
            refused = cluster.kubectl("--token=wrong", "get", "ns", check=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("provide credentials", refused.stderr)


if __name__ == "__main__":
    unittest.main()
