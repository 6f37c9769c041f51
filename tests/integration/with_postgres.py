"""`rage rag` on a real PostgreSQL with pgvector."""

import os
import sys

from support import ROOT, Service

sys.path.insert(0, str(ROOT / "tests/support"))
from postgres import Postgres  # noqa: E402

CACHE = os.environ.get("RAGE_CACHE_DIR") or os.path.expanduser("~/.cache/rage")


def start_postgres():
    return Postgres(os.path.join(CACHE, "postgres"))


def flags_of(postgres, namespace="rage"):
    return (
        "--vector-db", "postgres",
        "--vector-db-url", postgres.address,
        "--vector-db-namespace", namespace,
    )


def start_service(postgres, data, *flags, namespace="rage", embedder="hashing"):
    return Service(data, *flags_of(postgres, namespace), *flags, embedder=embedder)


def listed(service, index):
    """All texts of an index as a list: what is there twice is seen twice."""
    found = []
    while True:
        status, page = service.call(
            "GET", f"/indexes/{index}/documents?limit=100&offset={len(found)}&max_text_length=9999"
        )
        if status == 404:
            return found
        if status != 200:
            raise AssertionError(f"{status} {page}")
        found += [document["text"] for document in page["documents"]]
        if page["count"] == 0 or len(found) >= page["total_items"]:
            return found
