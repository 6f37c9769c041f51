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
