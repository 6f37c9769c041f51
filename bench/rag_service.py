#!/usr/bin/env python3
"""The RAG service's budgets: indexing, retrieval with 1 and 16 clients, start-up, memory. JSON.

usage: bench/rag_service.py [--binary build/release/rage] [--documents 2000] [--seconds 8]

Documents of about 220 tokens are drawn from the sentences of the example, with a fixed seed.
"""

import argparse
import json
import random
import re
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service import ROOT, Service


def make_documents(count, seed=23):
    source = json.loads((ROOT / "examples/scale23x/schedule_index.json").read_text())["documents"]
    sentences = sorted(
        {s for d in source for s in re.split(r"(?<=[.!?]) ", d["text"]) if 40 < len(s) < 300}
    )
    chance = random.Random(seed)
    documents = []
    for number in range(count):
        text, words = f"Report {number}.", 0
        while words < 151:  # 220 word pieces on average.
            sentence = chance.choice(sentences)
            text += " " + sentence
            words += len(sentence.split())
        documents.append({"text": text, "metadata": {"number": number}})
    queries = [" ".join(chance.choice(sentences).split()[:9]) for _ in range(512)]
    return documents, queries


def index_all(service, name, documents, clients):
    """Documents a second, 64 a request, by so many clients at once."""

    def post(first):
        batch = documents[first : first + 64]
        service.call("POST", "/index", {"index_name": name, "documents": batch})

    post(0)  # Makes the index.
    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(post, range(64, len(documents), 64)))
    return round((len(documents) - 64) / (time.monotonic() - began), 1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/rage")
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("flags", nargs="*", help="further flags for `rage rag`, after --")
    options = parser.parse_args()
    documents, queries = make_documents(options.documents)
    report = {"bench": "rag_service", "documents": options.documents}
    with tempfile.TemporaryDirectory() as folder:
        data, bodies = Path(folder) / "data", Path(folder) / "bodies"
        bodies.write_text(
            "".join(
                json.dumps({"index_name": "b", "query": q, "max_node_count": 5}) + "\n"
                for q in queries
            )
        )
        service = Service(options.binary, data, *options.flags)
        report["index_documents_per_second"] = index_all(service, "b", documents, 1)
        report["memory_mib_after_indexing"], report["anonymous_mib_after_indexing"] = (
            service.memory_mib()
        )
        report["index_documents_per_second_2_clients"] = index_all(service, "c", documents, 2)
        service.call("DELETE", "/indexes/c")
        service.stop()
        starts = []
        for _ in range(3):
            service = Service(options.binary, data, *options.flags)
            starts.append(round(service.start_seconds, 3))
            if len(starts) < 3:
                service.stop()
        report["start_seconds"] = starts
        report["memory_mib_after_start"], report["anonymous_mib_after_start"] = service.memory_mib()
        load = options.binary.parent / "http_load"
        for clients in (1, 16):
            run = [
                str(load),
                str(service.port),
                "/retrieve",
                str(bodies),
                str(clients),
                str(options.seconds),
            ]
            subprocess.run([*run[:-1], "1"], capture_output=True, check=True)  # Warm-up.
            report[f"retrieve_{clients}"] = json.loads(
                subprocess.run(run, capture_output=True, check=True, text=True).stdout
            )
        report["memory_mib_after_load"], report["anonymous_mib_after_load"] = service.memory_mib()
        service.stop()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
