"""Admission and conversion as an API server asks for them: two replicas of the operator behind one
address, their certificate in one Secret. Tests run in the order of their names: the first watches a
certificate being renewed, the last takes the webhook out.

RAGE_FUZZED_OBJECTS=10000 judges so many random objects of each kind; the default is quick."""

import base64
import contextlib
import json
import os
import random
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

from support import (
    ALL_GATES, BINARY, RELEASE_NAMESPACE, ApiError, ClusterTest, Operator, need_crds,
    need_operator, skip_loudly, wait_until,
)
from test_crds import inference_set, lost, merge, model_mirror, multi_role, rag_engine, workspace

SECRET = "workspace-webhook-cert"
FUZZED = int(os.environ.get("RAGE_FUZZED_OBJECTS", "60"))
SEED = int(os.environ.get("RAGE_FUZZED_SEED", "1"))
FUZZED_DOCUMENTS = Path(BINARY).parent / "tests/operator/fuzzed_documents"
KINDS = ("workspace", "inferenceset", "ragengine", "modelmirror", "multiroleinference",
         "autoindexer")
CONVERTED = ("workspaces.kaito.sh", "inferencesets.kaito.sh", "ragengines.kaito.sh")
TWO_SOURCES = rag_engine({"spec": {"embedding": {"local": {"image": "reg.io/i:1"}}}})
DUE_SECONDS = 10  # Until the certificate that is there before has to be renewed.


class Balancer:
    """A Service of its own: each connection goes to a replica that takes it."""

    def __init__(self):
        self.ports = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):  # Closed.
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        for port in random.sample(self.ports, len(self.ports)):
            with contextlib.suppress(OSError):
                replica = socket.create_connection(("127.0.0.1", port), timeout=5)
                replica.settimeout(None)
                pumps = [threading.Thread(target=self._pump, args=ends, daemon=True)
                         for ends in ((client, replica), (replica, client))]
                for pump in pumps:
                    pump.start()
                for pump in pumps:
                    pump.join()
                replica.close()
                break
        client.close()

    @staticmethod
    def _pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def certificate_due_in(seconds):
    """A Secret's data, as upstream keeps it: two thirds of the certificate's life are over then."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    due = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    start, end = (f"{due + timedelta(hours=hours):%Y%m%d%H%M%SZ}" for hours in (-2, 1))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ca.cnf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndir=.\nnew_certs_dir=.\ndatabase=index\nserial=serial\n"
            "default_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n"
        )
        (Path(folder) / "index").touch()
        (Path(folder) / "serial").write_text("01\n")
        openssl(folder, "req", "-x509", *key, "-days", "365", "-subj", "/CN=an earlier CA",
                "-keyout", "ca.key", "-out", "ca-cert.pem")
        openssl(folder, "req", "-new", *key, "-subj", "/CN=hook", "-addext",
                "subjectAltName=IP:127.0.0.1", "-addext", "extendedKeyUsage=serverAuth",
                "-keyout", "server-key.pem", "-out", "request.pem")
        openssl(folder, "ca", "-batch", "-config", "ca.cnf", "-cert", "ca-cert.pem", "-keyfile",
                "ca.key", "-in", "request.pem", "-out", "server-cert.pem", "-notext",
                "-startdate", start, "-enddate", end)
        return {name: base64.b64encode((Path(folder) / name).read_bytes()).decode()
                for name in ("ca-cert.pem", "server-cert.pem", "server-key.pem")}


def served_certificate(port):
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=5)


class Load(threading.Thread):
    """Writes and reads that need the webhook, without a pause, until it is stopped."""

    def __init__(self, api, number):
        super().__init__(daemon=True)
        self._api = api
        self._document = inference_set({"metadata": {"name": f"load-{number}"}})
        self.requests, self.failures = 0, []
        self.stopped = threading.Event()

    def run(self):
        name = self._document["metadata"]["name"]
        while not self.stopped.is_set():
            try:
                self._api.create(self._document, "default", dry_run=True)
                self._api.get("InferenceSet", "kept", "default", version="v1alpha1")
                self._api.apply(
                    {**workspace(version="v1alpha1"), "metadata": {"name": name, "labels": {
                        "turn": str(self.requests)}}},
                    "default",
                )
            except (ApiError, OSError) as error:
                self.failures.append(str(error))
            self.requests += 3


class Webhooks(ClusterTest):
    crds = ("inference",)  # ALL_GATES has the operator watch InferencePools.
    audit = True

    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        super().setUpClass()
        cls.balancer = Balancer()
        cls.addClassCleanup(cls.balancer.close)
        cls.replicas = [
            Operator(cls.cluster, webhook=cls.balancer.url, name=f"operator-{number}",
                     flags=("--feature-gates", ALL_GATES, "--leader-elect",
                            "--leader-election-namespace", RELEASE_NAMESPACE))
            for number in (1, 2)
        ]
        cls.balancer.ports = [replica.webhook_port for replica in cls.replicas]
        # Admitted before anybody looked: a name that is refused today.
        cls.api.create(
            workspace({"metadata": {"name": "old.name", "finalizers": ["example.com/hold"]}}),
            "default",
        )
        cls.first = certificate_due_in(DUE_SECONDS)
        cls.api.create(cls.secret(cls.first), RELEASE_NAMESPACE)
        for replica in cls.replicas:
            cls.addClassCleanup(cls.stop_well, replica)
            replica.start(wait=False)
        for replica in cls.replicas:
            wait_until(replica._is_up, lambda: f"ready\n{replica.log_tail()}", 60)
        cls.wait_registered()
        cls.api.create(inference_set({"metadata": {"name": "kept"}, "spec": {"replicas": 0}}),
                       "default")

    @staticmethod
    def secret(data):
        return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": SECRET, "labels": {"made-by": "a-chart"}}, "data": data}

    @staticmethod
    def stop_well(replica):
        if (code := replica.stop()) not in (0, -9):
            raise AssertionError(f"rage operator ended with {code}:\n{replica.log_tail()}")

    @classmethod
    def configuration(cls, kind):
        return cls.api.get("ValidatingWebhookConfiguration", f"validation.{kind}.kaito.sh")

    @classmethod
    def conversion(cls, crd):
        return cls.api.get("CustomResourceDefinition", crd)["spec"]["conversion"]

    @classmethod
    def is_registered(cls):
        bundle = cls.api.get("Secret", SECRET, RELEASE_NAMESPACE)["data"]["ca-cert.pem"]
        configurations = [cls.configuration(kind) for kind in KINDS]
        if not all(configurations):
            return False
        clients = [each["webhooks"][0]["clientConfig"] for each in configurations]
        for crd in CONVERTED:
            if (conversion := cls.conversion(crd))["strategy"] != "Webhook":
                return False
            clients.append(conversion["webhook"]["clientConfig"])
        return all(each["caBundle"] == bundle and each["url"].startswith(cls.balancer.url)
                   for each in clients)

    @classmethod
    def wait_registered(cls):
        wait_until(cls.is_registered, lambda: "registered\n" + cls.replicas[0].log_tail(), 30)

        def both_ways():  # The API server hears of it a moment later.
            old = cls.api.get("Workspace", "old.name", "default", version="v1alpha1")
            if "rage.dev/v1beta1-fields" not in old["metadata"].get("annotations", {}):
                return False
            try:
                cls.api.create(TWO_SOURCES, "default", dry_run=True)
            except ApiError as error:
                return "denied the request" in error.text

        wait_until(both_ways, "the API server asks", 20)

    def refused(self, document, *words):
        with self.assertRaises(ApiError) as caught:
            self.api.create(document, "default", dry_run=True)
        for each in words:
            self.assertIn(each, caught.exception.text)
        self.assertEqual(caught.exception.status, 400, caught.exception.text)

    def test_a_certificate_is_renewed_and_what_is_undone_is_done_again_under_load(self):
        before = self.first
        loads = [Load(self.api, number) for number in range(3)]
        for load in loads:
            load.start()
        self.api.delete("ValidatingWebhookConfiguration", "validation.ragengine.kaito.sh")
        self.api.patch("CustomResourceDefinition", "ragengines.kaito.sh",
                       {"spec": {"conversion": {"strategy": "None", "webhook": None}}})

        def renewed():
            now = self.api.get("Secret", SECRET, RELEASE_NAMESPACE)
            pem = base64.b64decode(now["data"]["server-cert.pem"]).decode()
            return now["data"]["server-cert.pem"] != before["server-cert.pem"] and all(
                served_certificate(port).strip() == pem.strip() for port in self.balancer.ports
            ) and now

        secret = wait_until(renewed, "both serve with a new certificate", 45)
        wait_until(self.is_registered, "what was undone is there again", 30)
        time.sleep(1)
        for load in loads:
            load.stopped.set()
        for load in loads:
            load.join()
        bundle = base64.b64decode(secret["data"]["ca-cert.pem"]).decode()
        earlier = base64.b64decode(before["ca-cert.pem"]).decode().strip()
        self.assertIn(earlier, bundle)
        self.assertEqual(bundle.count("BEGIN CERTIFICATE"), 2)
        self.assertEqual(secret["metadata"]["labels"]["made-by"], "a-chart")
        failures = [failure for load in loads for failure in load.failures]
        requests = sum(load.requests for load in loads)
        print(f"\n{requests} requests while the certificate was renewed, {len(failures)} refused")
        self.assertEqual(failures[:3], [])
        self.assertGreater(requests, 100)

    def test_fuzzed_objects_are_judged_alike(self):
        if not FUZZED_DOCUMENTS.exists():
            skip_loudly(f"{FUZZED_DOCUMENTS} is not built (target fuzzed_documents)")
        kinds = [("Workspace", "v1alpha1"), ("Workspace", "v1beta1"), ("InferenceSet", "v1alpha1"),
                 ("InferenceSet", "v1beta1"), ("RAGEngine", "v1alpha1"), ("RAGEngine", "v1beta1"),
                 ("ModelMirror", "v1alpha1"), ("MultiRoleInference", "v1alpha1"),
                 ("AutoIndexer", "v1alpha1")]
        wanted = os.environ.get("RAGE_FUZZED_KINDS", "")
        for kind, version in kinds:
            if not re.search(wanted, kind):
                continue
            with self.subTest(f"{kind} {version}"):
                self._judge(kind, version)

    def _judge(self, kind, version):
        two = kind in ("Workspace", "InferenceSet", "RAGEngine")
        count = FUZZED // 2 if two else FUZZED  # Of a kind, in all its versions.
        made = subprocess.run([FUZZED_DOCUMENTS, kind, version, str(count), str(SEED)],
                              capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr[-2000:])

        def judge(line):
            ours = json.loads(line)
            try:
                self.api.create(ours["document"], "default", dry_run=True)
                return ours, ""
            except ApiError as error:
                if error.status not in (400, 422) or "failed calling webhook" in error.text:
                    raise
                return ours, error.text

        begin = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            # Not splitlines(): U+2028, which the documents have, is a line to it.
            judged = list(pool.map(judge, made.stdout.rstrip("\n").split("\n")))
        self.assertEqual(len(judged), count)
        theirs = [text for _, text in judged]
        self.assertIn("", theirs)
        by_webhook = sum("denied the request" in text for text in theirs)
        print(f"\n{kind} {version}: {count} objects in {time.monotonic() - begin:.1f} s,"
              f" {theirs.count('')} admitted, {by_webhook} refused by the webhook,"
              f" {count - theirs.count('') - by_webhook} by the schema")
        apart = [
            f"{json.dumps(ours['document'])}\n  we: {ours['refused']!r}\n  API server: {text!r}"
            for ours, text in judged if bool(ours["refused"]) != bool(text)
        ]
        self.assertEqual(apart, [], f"{len(apart)} of {count}:\n" + "\n".join(apart[:5]))

    def test_killed_replicas_come_back_with_the_same_certificate(self):
        first, second = self.replicas
        secret = self.api.get("Secret", SECRET, RELEASE_NAMESPACE)["data"]
        first.kill()
        time.sleep(0.3)
        for _ in range(20):  # The other one serves, leader or not.
            self.api.create(inference_set(), "default", dry_run=True)
        second.kill()
        with self.assertRaises(ApiError) as caught:
            self.api.create(inference_set(), "default", dry_run=True)
        self.assertIn("failed calling webhook", caught.exception.text)
        for replica in self.replicas:
            replica.start()
        for _ in range(20):
            self.api.create(inference_set(), "default", dry_run=True)
            self.api.get("InferenceSet", "kept", "default", version="v1alpha1")
        self.assertEqual(self.api.get("Secret", SECRET, RELEASE_NAMESPACE)["data"], secret)

    def test_nothing_of_the_new_version_is_lost_through_the_old_one(self):
        part = {"mode": "accelerator", "count": 2}
        documents = (
            workspace({"resource": {"partition": part}}),
            inference_set({"spec": {"replicas": 0, "template": {"resource": {"partition": part}}}}),
            rag_engine({"spec": {
                "grounding": {"answers": "extractive"},
                "storage": {"persistentVolume": {"size": "5Gi"}, "vectorDB": {"engine": "faiss"}},
            }}),
        )
        for document in documents:
            with self.subTest(document["kind"]):
                document["metadata"]["name"] = "lossless"
                self.api.create(document, "default")
                self._edit(document["kind"], "lossless", "v1alpha1")
                found = self.api.get(document["kind"], "lossless", "default")
                self.assertEqual(lost(document, found), [])
                self.assertEqual(found["metadata"]["labels"]["edited-in"], "v1alpha1")
                self.assertNotIn("rage.dev/v1beta1-fields",
                                 found["metadata"].get("annotations", {}))

    def test_nothing_of_the_old_version_is_lost_through_the_new_one(self):
        flat = {"storage": {"persistentVolumeClaim": "claim", "mountPath": "/mnt/x"},
                "queryServiceName": "q"}
        document = rag_engine({"metadata": {"name": "flat"}, "spec": flat}, version="v1alpha1")
        self.api.create(document, "default")
        found = self.api.get("RAGEngine", "flat", "default")
        self.assertEqual(found["spec"]["storage"], {"persistentVolume": flat["storage"]})
        self._edit("RAGEngine", "flat", "v1beta1")
        found = self.api.get("RAGEngine", "flat", "default", version="v1alpha1")
        self.assertEqual(lost(document, found), [])
        self.assertEqual(found["metadata"]["labels"]["edited-in"], "v1beta1")

    def _edit(self, kind, name, version):
        """Reads, changes and writes all of it, as a client does that knows only that version."""
        while True:
            document = self.api.get(kind, name, "default", version=version)
            document["metadata"].setdefault("labels", {})["edited-in"] = version
            path = self.api.path(kind, "default", name, version=version)
            try:
                return self.api.request("PUT", path, document)
            except ApiError as error:  # The operator wrote its finalizer or status meanwhile.
                if error.status != 409:
                    raise

    def test_only_its_own_secret_is_touched(self):
        seen = set()
        with open(self.cluster.folder / "audit.log") as log:
            for line in log:
                entry = json.loads(line)
                target = entry.get("objectRef", {})
                if target.get("resource") == "secrets":
                    seen.add((entry["verb"], target.get("namespace"), target.get("name")))
        self.assertLessEqual(
            seen, {(verb, RELEASE_NAMESPACE, SECRET) for verb in ("get", "update")})

    def test_status_finalizers_and_deletes_are_never_refused(self):
        path = self.api.path("Workspace", "default", "old.name")
        with self.assertRaises(ApiError) as caught:
            self.api.patch("Workspace", "old.name", {"inference": {"config": "c"}}, "default")
        self.assertIn("invalid value: old.name: metadata.name", caught.exception.text)
        self.api.patch("Workspace", "old.name", {"metadata": {"labels": {"a": "b"}}}, "default")
        self.api.patch("Workspace", "old.name", {"status": {"workerNodes": ["n"]}}, "default",
                       subresource="status")
        self.api.request("DELETE", path)

        def release():
            found = self.api.get("Workspace", "old.name", "default")
            if found is None:
                return True
            kept = [each for each in found["metadata"].get("finalizers", [])
                    if each != "example.com/hold"]
            with contextlib.suppress(ApiError):  # Only 409 and 404 are possible.
                self.api.request("PUT", path, merge(found, {"metadata": {"finalizers": kept}}))
            return False

        wait_until(release, lambda: self.api.get("Workspace", "old.name", "default"), 20)

    def test_what_is_answered_is_counted(self):
        def counted():
            answered, seconds = 0, 0
            for replica in self.replicas:
                for name, value in replica.metrics().items():
                    if name.startswith("controller_runtime_webhook_requests_total{"):
                        answered += value if 'code="200"' in name else 0
                        self.assertTrue('code="200"' in name or value == 0, name)
                    if name.startswith("controller_runtime_webhook_latency_seconds_count"):
                        seconds += value
            return answered, seconds

        # Some may just be on their way.
        wait_until(lambda: len(set(counted())) == 1, lambda: f"both counts are equal: {counted()}")
        self.assertGreater(counted()[0], 20)

    def test_wrong_objects_are_refused_in_upstreams_words(self):
        denied = 'admission webhook "validation.{}.kaito.sh" denied the request: validation failed:'
        typed = {"resource": {"instanceType": "Standard_NC48ads_A100_v4"}}
        told = "must not set the field(s): resource.instanceType"
        for version in ("v1alpha1", "v1beta1"):
            self.refused(workspace(typed, version=version), denied.format("workspace"), told)
        self.refused(
            inference_set({"spec": {"autoUpgrade": {"maintenanceWindow": {"schedule": "daily"}}}}),
            denied.format("inferenceset"),
            "invalid value: daily: spec.autoUpgrade.maintenanceWindow.schedule",
        )
        for version in ("v1alpha1", "v1beta1"):
            self.refused(
                {**TWO_SOURCES, "apiVersion": f"kaito.sh/{version}"}, denied.format("ragengine"),
                "Exactly one of image and modelID must be specified: spec.embedding.local",
            )
        self.refused(model_mirror({"metadata": {"name": "a"}, "spec": {
            "source": {"modelID": ""}}}), denied.format("modelmirror"))
        self.refused(multi_role({"metadata": {"name": "a.b"}}),
                     denied.format("multiroleinference"), "invalid value: a.b: metadata.name")

    def test_z_without_a_webhook_nobody_is_asked(self):
        for replica in self.replicas:
            self.stop_well(replica)
        operator = Operator(self.cluster, name="without").start()
        self.addCleanup(operator.stop)

        def is_out():
            return not any(self.configuration(kind) for kind in KINDS) and all(
                self.conversion(crd)["strategy"] == "None" for crd in CONVERTED
            )

        wait_until(is_out, lambda: operator.log_tail(), 20)
        self.api.create(inference_set(), "default", dry_run=True)
        self.assertEqual(operator.stop(), 0)


if __name__ == "__main__":
    unittest.main()
