"""Names that KAITO's server reads and its controller sets: honoured or refused, never ignored."""

import os
import subprocess
import tempfile
import unittest

from support import BINARY


def start(environment, *flags):
    """(how the first line of output begins, errors) of a service that is ended at once."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MODEL_ID", "LOCAL_EMBEDDING_MODEL_ID") and not name.startswith("VECTOR_DB")
    }
    with tempfile.TemporaryDirectory(prefix="rage-environment-") as data:
        process = subprocess.Popen(
            [BINARY, "rag", "--port", "0", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**clean, "DEFAULT_VECTOR_DB_PERSIST_DIR": data, **environment},
        )
        line = process.stdout.readline()
        process.terminate()
        _, errors = process.communicate(timeout=60)
        return line, errors


class Environment(unittest.TestCase):
    def test_the_model_of_the_controller_is_the_model(self):
        line, errors = start({"MODEL_ID": "hashing", "EMBEDDING_TYPE": "local"})
        self.assertIn("ready on", line, errors)
        self.assertIn('"embedder":"hashing-384"', errors)

    def test_the_servers_own_name_comes_first(self):
        line, errors = start({"MODEL_ID": "file:/nowhere", "LOCAL_EMBEDDING_MODEL_ID": "hashing"})
        self.assertIn("ready on", line, errors)
        line, errors = start({"MODEL_ID": "file:/nowhere"}, "--embedder", "hashing")
        self.assertIn("ready on", line, errors)

    def test_what_is_not_there_is_refused(self):
        cases = [
            ({"EMBEDDING_TYPE": "remote", "REMOTE_EMBEDDING_URL": "http://127.0.0.1:9/e"},
             "http://127.0.0.1:9/e"),
            ({"EMBEDDING_SOURCE_TYPE": "Remote", "EMBEDDING_TYPE": "local",
              "REMOTE_EMBEDDING_URL": "nowhere"}, "must begin with http"),
            ({"EMBEDDING_SOURCE_TYPE": "cloud"}, "Invalid Embedding Type Specified"),
            ({"RAG_SIMILARITY_THRESHOLD": "near"}, "--distance-max"),
            ({"VECTOR_DB_TYPE": "other"}, "Unsupported VECTOR_DB_TYPE: 'other'"),
            ({"VECTOR_DB_TYPE": "qdrant"}, "VECTOR_DB_TYPE=qdrant needs VECTOR_DB_URL"),
            ({"VECTOR_DB_TYPE": "qdrant", "VECTOR_DB_URL": "qdrant:6333"}, "begins with http://"),
            ({"VECTOR_DB_URL": "http://qdrant:6333"}, "does not say of which kind"),
        ]
        for environment, message in cases:
            line, errors = start({"LOCAL_EMBEDDING_MODEL_ID": "hashing", **environment})
            self.assertEqual(line, "")
            self.assertIn(message, errors)

    def test_the_database_that_was_asked_for_is_the_one_that_is_used(self):
        """One that does not answer is no reason to keep the indexes somewhere else."""
        for kind, url in (
            ("Qdrant", "http://127.0.0.1:1"),
            ("Postgres", "postgresql://user@127.0.0.1:1/database"),
        ):
            environment = {"VECTOR_DB_TYPE": kind, "VECTOR_DB_URL": url}
            line, errors = start({**environment, "VECTOR_DB_ACCESS_SECRET": "hush"},
                                 "--embedder", "hashing")
            self.assertEqual(line, "")
            self.assertIn("the vector database does not answer", errors)
            self.assertNotIn("hush", errors)

    def test_faiss_in_any_case_is_the_built_in_store(self):
        line, errors = start({"LOCAL_EMBEDDING_MODEL_ID": "hashing", "VECTOR_DB_TYPE": "FAISS"})
        self.assertIn("ready on", line, errors)


if __name__ == "__main__":
    unittest.main()
