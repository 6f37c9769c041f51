"""Pods as processes: `rage apiserver` and `rage node`, each a process of its own."""

import json
import os
import signal
import subprocess
import time
import unittest
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from embedded import wait_until
from with_node import WithNode


class NodeTest(WithNode):
    def test_the_node_is_there(self):
        def ready():
            node = json.loads(self.kubectl("get", "node", "local", "-o", "json"))
            return any(c["type"] == "Ready" and c["status"] == "True"
                       for c in node.get("status", {}).get("conditions", []))
        wait_until(ready, "the Node is Ready")
        lease = json.loads(self.kubectl("-n", "kube-node-lease", "get", "lease", "local", "-o",
                                        "json"))
        self.assertEqual(lease["spec"]["holderIdentity"], "local")

    def test_a_script_runs_to_its_end_and_its_log_is_kept(self):
        self.apply(self.a_pod("job", self.script("echo one; echo two >&2; exit 4"),
                              restartPolicy="Never"))
        self.wait_phase("job", "Failed")
        self.assertEqual(self.container("job")["state"]["terminated"]["exitCode"], 4)
        self.assertEqual(self.logs("job"), "one\ntwo\n")
        self.assertEqual(self.logs("job", "--tail=1"), "two\n")
        refused = self.kubectl("-n", self.ns, "logs", "job", "-c", "other", check=False)
        self.assertIn("container other is not valid for pod job", refused.stderr)

    def test_environment_and_volumes(self):
        self.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"},
             "data": {"MODE": "fast", "file.txt": "from the map"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"},
             "stringData": {"KEY": "s3cret"}},
            self.a_pod("env", self.script(
                "echo $MODE $KEY $IP; cat /etc/settings/file.txt; echo; echo x > /scratch/y;"
                " ls /scratch; until grep -q edited /etc/settings/file.txt; do sleep 0.1; done",
                envFrom=[{"configMapRef": {"name": "settings"}}],
                env=[{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "token",
                                                                    "key": "KEY"}}},
                     {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                volumeMounts=[{"name": "settings", "mountPath": "/etc/settings"},
                              {"name": "work", "mountPath": "/scratch"}]),
                restartPolicy="Never",
                volumes=[{"name": "settings", "configMap": {"name": "settings"}},
                         {"name": "work", "emptyDir": {}}]))
        self.wait_phase("env", "Running")
        wait_until(lambda: self.logs("env").endswith("y\n"), "it has looked around")
        ip = self.pod("env")["status"]["podIP"]
        self.assertTrue(ip.startswith("127.97."), ip)
        self.assertEqual(self.logs("env"), f"fast s3cret {ip}\nfrom the map\ny\n")
        self.kubectl("-n", self.ns, "patch", "configmap", "settings", "--type=merge", "-p",
                     '{"data": {"file.txt": "edited"}}')
        self.wait_phase("env", "Succeeded")
        uid = self.pod("env")["metadata"]["uid"]
        self.assertTrue((self.data / "pods" / uid).is_dir())
        self.kubectl("-n", self.ns, "delete", "pod", "env")
        wait_until(lambda: not (self.data / "pods" / uid).exists(), "its files are gone")

    def test_what_is_missing_is_said_and_awaited(self):
        self.apply(self.a_pod("waits", self.script(
            "echo $A", envFrom=[{"configMapRef": {"name": "later"}}]), restartPolicy="Never"))
        wait_until(lambda: "configmap \"later\" not found" in self.container("waits").get(
            "state", {}).get("waiting", {}).get("message", ""), "the status names it")
        self.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later"},
                    "data": {"A": "there"}})
        self.wait_phase("waits", "Succeeded")
        self.assertEqual(self.logs("waits"), "there\n")

    def test_a_foreign_image_stays_pending_and_says_why(self):
        self.apply(self.a_pod("foreign", {"image": "grafana/grafana:12.2.0"}))
        waiting = wait_until(lambda: self.container("foreign").get("state", {}).get("waiting"),
                             "it waits")
        self.assertEqual(waiting["reason"], "ErrImageNeverPull")
        self.assertIn("cannot run here", waiting["message"])
        self.assertEqual(self.pod("foreign")["status"]["phase"], "Pending")

    def test_a_crashing_container_is_restarted_with_back_off(self):
        self.apply(self.a_pod("crash", self.script("echo try; exit 1")))
        wait_until(lambda: self.container("crash").get("restartCount", 0) >= 2, "two restarts")
        waiting = wait_until(lambda: self.container("crash")["state"].get("waiting"), "back-off")
        self.assertEqual(waiting["reason"], "CrashLoopBackOff")
        self.assertEqual(self.container("crash")["lastState"]["terminated"]["exitCode"], 1)
        self.assertEqual(self.logs("crash", "--previous"), "try\n")

    def test_init_containers_come_first(self):
        self.apply(self.a_pod(
            "init", self.script("cat /scratch/made", volumeMounts=[{"name": "work",
                                                                 "mountPath": "/scratch"}]),
            restartPolicy="Never", volumes=[{"name": "work", "emptyDir": {}}],
            initContainers=[{"name": "first", "image": "busybox",
                             "command": ["/bin/sh", "-c", "sleep 0.3; echo made > /scratch/made"],
                             "volumeMounts": [{"name": "work", "mountPath": "/scratch"}]}]))
        self.wait_phase("init", "Succeeded")
        self.assertEqual(self.logs("init"), "made\n")
        self.assertEqual(self.logs("init", "-c", "first"), "")

    def test_deletion_waits_for_the_program(self):
        self.apply(self.a_pod("slow", self.script(
            "trap 'sleep 1; echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done")))
        self.wait_phase("slow", "Running")
        wait_until(lambda: self.logs("slow") == "up\n", "it is up")
        follower = subprocess.Popen(
            [str(self.cluster.kubectl_path), "--kubeconfig",
             str(self.cluster.folder / "kubeconfig"), "-n", self.ns, "logs", "-f", "slow"],
            stdout=subprocess.PIPE, text=True)
        self.assertEqual(follower.stdout.readline(), "up\n")
        begun = time.monotonic()
        self.kubectl("-n", self.ns, "delete", "pod", "slow", "--timeout=20s")
        self.assertGreater(time.monotonic() - begun, 0.9)
        self.assertTrue(follower.communicate(timeout=20)[0].endswith("bye\n"))

    def test_limits_are_kept_or_it_is_said_that_they_are_not(self):
        eater = "import time; kept = b'x' * (200 << 20); print('ate', flush=True); time.sleep(1000)"
        self.apply(self.a_pod("eater", self.script(
            f'python3 -c "{eater}"',
            resources={"limits": {"memory": "64Mi", "cpu": "500m"}}), restartPolicy="Never"))
        events = self.kubectl("get", "events", "-A", "-o", "json")
        if "LimitsNotEnforced" in events:
            self.assertIn("limits of pods are not kept here", events)
            return
        self.wait_phase("eater", "Failed")
        ended = self.container("eater")["state"]["terminated"]
        self.assertEqual((ended["reason"], ended["exitCode"]), ("OOMKilled", 137))

    def test_port_forward(self):
        self.apply(self.a_pod("sim", {
            "image": "ghcr.io/rage/rage:latest", "ports": [{"containerPort": 5000}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": 5000}, "periodSeconds": 1},
            "args": ["sim-model", "--address", "0.0.0.0", "--port", "5000", "--model", "phi"]}))
        self.wait_ready("sim")
        self.service("sim")
        for target, port in (("pod/sim", 5000), ("service/sim", 80)):
            forward = self.kubectl_process("port-forward", target, f":{port}")
            try:
                local = int(forward.stdout.readline().split("127.0.0.1:")[1].split()[0])
                url = f"http://127.0.0.1:{local}/v1/models"

                def ask(_):
                    with urllib.request.urlopen(url, timeout=20) as reply:
                        return json.load(reply)["data"][0]["id"]
                with ThreadPoolExecutor(8) as pool:  # Several connections at once.
                    self.assertEqual(set(pool.map(ask, range(24))), {"phi"})
                self.assertIsNone(forward.poll())
            finally:
                forward.terminate()
                forward.communicate(timeout=20)
        nobody = self.kubectl_process("port-forward", "pod/sim", ":9")
        try:
            local = int(nobody.stdout.readline().split("127.0.0.1:")[1].split()[0])
            with self.assertRaises(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{local}/", timeout=20)
            self.assertIn("Connection refused", nobody.stderr.readline())
        finally:
            nobody.terminate()
            nobody.communicate(timeout=20)

    def test_exec(self):
        self.apply(self.a_pod("in", self.script(
            "echo up; sleep 999", env=[{"name": "GREETING", "value": "hello"}],
            volumeMounts=[{"name": "work", "mountPath": "/scratch"}]),
            volumes=[{"name": "work", "emptyDir": {}}]))
        self.wait_phase("in", "Running")
        told = self.kubectl("-n", self.ns, "exec", "in", "--", "sh", "-c",
                            "echo $GREETING > /scratch/x; cat /scratch/x")
        self.assertEqual(told, "hello\n")
        ended = self.kubectl("-n", self.ns, "exec", "in", "--", "sh", "-c", "echo no >&2; exit 7",
                             check=False)
        self.assertEqual((ended.returncode, ended.stdout), (7, ""))
        self.assertTrue(ended.stderr.startswith("no\n"), ended.stderr)
        many = "0123456789" * 100_000
        counted = self.kubectl("-n", self.ns, "exec", "-i", "in", "--", "cat", text=many)
        self.assertEqual(counted, many)
        missing = self.kubectl("-n", self.ns, "exec", "in", "--", "no-such-program", check=False)
        self.assertNotEqual(missing.returncode, 0)
        self.assertIn("no-such-program", missing.stderr)
        long = self.kubectl_process("exec", "in", "--", "sh", "-c", "echo $$; sleep 999")
        pid = int(long.stdout.readline())
        long.kill()
        long.communicate(timeout=20)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "it ends with its client")

    def service(self, name):
        self.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                    "spec": {"selector": {"app": name},
                             "ports": [{"port": 80, "targetPort": 5000}]}})
        return json.loads(self.kubectl("-n", self.ns, "get", "service", name, "-o", "json"))

    def slice_of(self, name, ips):
        self.apply({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                    "metadata": {"name": f"{name}-1",
                                 "labels": {"kubernetes.io/service-name": name}},
                    "addressType": "IPv4", "ports": [{"name": "", "port": 5000}],
                    "endpoints": [{"addresses": [ip], "conditions": {"ready": True}}
                                  for ip in ips]})

    def test_models_behind_a_service(self):
        probe = {"httpGet": {"path": "/health", "port": 5000}, "periodSeconds": 1}
        for name in ("sim-a", "sim-b"):  # Both on port 5000, each at its own address.
            self.apply(self.a_pod(name, {
                "image": "ghcr.io/rage/rage:latest", "readinessProbe": probe,
                "startupProbe": {**probe, "failureThreshold": 60},
                "ports": [{"containerPort": 5000}],
                "args": ["sim-model", "--address", "0.0.0.0", "--port", "5000", "--name", name,
                         "--model", "phi"]}))
        for name in ("sim-a", "sim-b"):
            self.wait_ready(name)
        ips = [self.pod(name)["status"]["podIP"] for name in ("sim-a", "sim-b")]
        self.assertEqual(len(set(ips)), 2)
        service = self.service("sim")
        self.slice_of("sim", ips)
        address = service["spec"]["clusterIP"]

        def served():
            file = self.data / "run/service-addresses.json"
            services = json.loads(file.read_text())["services"]
            return next((s for s in services
                         if s["name"] == "sim" and s["namespace"] == self.ns), None)
        line = wait_until(served, "services.json has it")
        self.assertEqual(line["address"], address)
        url = f"http://{address}:{line['local_port']}/v1/models"

        def names():
            seen = set()
            for _ in range(4):
                try:
                    with urllib.request.urlopen(url, timeout=5) as reply:
                        seen.add(json.load(reply)["data"][0]["id"])
                except OSError:
                    return None
            return seen
        self.assertEqual(wait_until(names, "the Service answers"), {"phi"})
        # By name: curl in a script.
        self.apply(self.a_pod("client", {
            "image": "curlimages/curl:8.16.0", "command": ["/bin/sh", "-c"],
            "args": [f"curl -sS http://sim/v1/models && curl -sS http://sim.{self.ns}.svc/health"
                     " -o /dev/null -w ' %{http_code}'"]}, restartPolicy="Never"))
        self.wait_phase("client", "Succeeded")
        self.assertIn('"phi"', self.logs("client"))
        self.assertTrue(self.logs("client").endswith(" 200"), self.logs("client"))

    def test_a_model_that_needs_a_gpu_is_served_by_another_which_is_stated(self):
        self.apply(self.a_pod("phi", {
            "image": "mcr.microsoft.com/aks/kaito/kaito-base:0.5.0",
            "command": ["/bin/sh", "-c", "python3 /image/vllm/inference_api.py"
                        " --served-model-name=phi-4-mini-instruct"
                        " --model=microsoft/Phi-4-mini-instruct --download-dir=/weights"],
            "ports": [{"name": "http", "containerPort": 5000}],
            "startupProbe": {"exec": {"command": ["python3", "/image/vllm/benchmark.py"]},
                             "timeoutSeconds": 600, "failureThreshold": 180},
            "readinessProbe": {"httpGet": {"path": "/health", "port": 5000},
                               "initialDelaySeconds": 30}}))
        self.wait_ready("phi", 120)
        pod = self.pod("phi")
        self.assertEqual(pod["metadata"]["annotations"]["rage.dev/substituted-model"],
                         "phi-4-mini-instruct -> packaged:SmolLM2-135M-Instruct")
        url = f"http://{pod['status']['podIP']}:5000/v1/models"
        with urllib.request.urlopen(url, timeout=10) as reply:
            self.assertEqual(json.load(reply)["data"][0]["id"], "phi-4-mini-instruct")

    def test_kills(self):
        """Of a pod's process, and of the node itself."""
        self.apply(self.a_pod("lives", self.script(  # "$$" is a dollar in a container's words.
            "echo $$$$ >> /state/pids; sleep 1000 & wait",
            volumeMounts=[{"name": "state", "mountPath": "/state"}]),
            volumes=[{"name": "state", "emptyDir": {}}]))
        self.wait_phase("lives", "Running")
        pids = self.data / "pods" / self.pod("lives")["metadata"]["uid"] / "volumes/state/pids"

        def started(count):
            found = pids.read_text().split() if pids.exists() else []
            return [int(pid) for pid in found] if len(found) >= count else None
        first = wait_until(lambda: started(1), "it runs")[0]
        os.kill(first, signal.SIGKILL)
        second = wait_until(lambda: started(2), "it was started again")[1]
        wait_until(lambda: self.container("lives").get("restartCount") == 1, "one restart")
        self.assertEqual(
            self.container("lives")["lastState"]["terminated"]["exitCode"], 137)
        ip = self.pod("lives")["status"]["podIP"]
        self.node.kill()
        wait_until(lambda: not Path(f"/proc/{second}").exists(), "it died with the node")
        self.node.start()
        wait_until(lambda: started(3), "the next node started it")
        wait_until(lambda: self.container("lives").get("restartCount") == 2, "two restarts")
        self.assertEqual(self.pod("lives")["status"]["podIP"], ip)

        def sleepers():
            found = []
            for environment in Path("/proc").glob("[0-9]*/environ"):
                try:
                    if f"RAGE_NODE_DATA={self.data}".encode() in environment.read_bytes():
                        found.append((environment.parent / "cmdline").read_bytes())
                except OSError:
                    pass
            return [line for line in found if line.startswith(b"sleep\0" b"1000")]
        wait_until(lambda: len(sleepers()) == 1, "what the killed ones left is gone")


if __name__ == "__main__":
    unittest.main()
