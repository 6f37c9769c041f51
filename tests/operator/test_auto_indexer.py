"""The life of an AutoIndexer in a real Kubernetes: what its pods report becomes the status, an edit
is a new run, a schedule's runs are seen, and its documents go with it if that was asked for."""

import unittest

from support import (
    ClusterTest, create_nodes, fake_node, is_ready, need_crds, need_operator, wait_until,
)

NAMESPACE = "indexing"
ENGINE = {
    "apiVersion": "kaito.sh/v1beta1", "kind": "RAGEngine", "metadata": {"name": "rag"},
    "spec": {
        "embedding": {"local": {"modelID": "BAAI/bge-small-en-v1.5"}},
        "inferenceService": {
            "url": "http://phi-4/v1/chat/completions", "contextWindowSize": 16384,
        },
    },
}


def indexer(name, **spec):
    return {
        "apiVersion": "kaito.sh/v1alpha1", "kind": "AutoIndexer", "metadata": {"name": name},
        "spec": {
            "ragEngine": "rag", "indexName": "handbook",
            "source": {"http": {"urls": ["https://example.com/a.md"]}}, **spec,
        },
    }


class AutoIndexers(ClusterTest):
    @classmethod
    def setUpClass(cls):
        need_crds()
        need_operator()
        super().setUpClass()
        create_nodes(cls.api, [fake_node("services", "Standard_D8s_v5")])
        cls.cluster.ensure_namespace(NAMESPACE)
        cls.run_operator()
        cls.api.apply(ENGINE, NAMESPACE, manager="kubectl")

    def apply(self, document):
        self.api.apply(document, NAMESPACE, manager="kubectl")

    def wait_ready(self, name, condition=lambda _: True):
        def found():
            document = self.api.get("AutoIndexer", name, NAMESPACE)
            return document if is_ready(document) and condition(document) else None

        return wait_until(
            found, lambda: f"{name} is Ready: {self.api.get('AutoIndexer', name, NAMESPACE)}"
        )

    def test_report_edit_and_removal(self):
        self.apply(indexer("news", retention={"onDelete": "Remove"}))
        status = self.wait_ready("news", lambda each: "documents" in each["status"])["status"]
        self.assertEqual(status["documents"], 3)
        self.assertEqual(status["lastIndexedRevision"], "abc")
        self.assertEqual(status["lastRun"]["job"], "news-g1")

        source = {"http": {"urls": ["https://example.com/b.md"]}}
        self.apply(indexer("news", retention={"onDelete": "Remove"}, source=source))
        self.wait_ready("news", lambda each: each["status"]["lastRun"]["job"] == "news-g2")
        jobs = {job["metadata"]["name"] for job in self.api.list("Job", NAMESPACE)}
        self.assertNotIn("news-g1", jobs)

        self.api.delete("AutoIndexer", "news", NAMESPACE)
        wait_until(
            lambda: self.api.get("AutoIndexer", "news", NAMESPACE) is None, "news is gone"
        )
        wait_until(
            lambda: [
                event for event in self.api.list("Event", NAMESPACE)
                if event["reason"] == "DocumentsRemoved"
            ],
            "an Event says that its documents are gone",
        )

    def test_runs_of_a_schedule(self):
        self.apply(indexer("nightly", schedule="0 3 * * *"))
        wait_until(
            lambda: self.api.get("CronJob", "nightly-index", NAMESPACE), "there is a CronJob"
        )
        self.cluster.kubectl(
            "create", "job", "by-hand", "--from=cronjob/nightly-index", "-n", NAMESPACE
        )
        status = self.wait_ready("nightly", lambda each: "documents" in each["status"])["status"]
        self.assertEqual(status["lastRun"]["job"], "by-hand")
        self.assertTrue(status["nextScheduledTime"].endswith("T03:00:00Z"))
        # Without a schedule it runs once, as a Job.
        document = indexer("nightly")
        document["spec"]["schedule"] = ""
        self.apply(document)
        self.wait_ready("nightly", lambda each: each["status"]["lastRun"]["job"] == "nightly-g2")
        self.assertIsNone(self.api.get("CronJob", "nightly-index", NAMESPACE))
        self.api.delete("AutoIndexer", "nightly", NAMESPACE)
        wait_until(
            lambda: self.api.get("AutoIndexer", "nightly", NAMESPACE) is None, "nightly is gone"
        )


if __name__ == "__main__":
    unittest.main()
