#!/usr/bin/env python3
"""nDCG@10 of /retrieve on a test collection, as JSON.

usage: bench/retrieval_quality.py FOLDER [--binary build/release/rage]

FOLDER holds corpus.jsonl ({"id","title","text"}), queries.jsonl ({"id","text"}) and qrels.tsv
(query, document, grade; a header line is skipped). Gains are 2^grade - 1.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path

from service import ROOT, Service


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def read_grades(path):
    grades = {}
    for line in path.read_text().splitlines():
        parts = line.split("\t")
        if len(parts) < 3 or not parts[-1].strip().lstrip("-").isdigit():
            continue
        grades.setdefault(parts[0], {})[parts[-2]] = int(parts[-1])
    return grades


def ndcg(ranking, grades, depth=10):
    def gain(grade):
        return 2 ** max(grade, 0) - 1

    found = sum(gain(grades.get(d, 0)) / math.log2(i + 2) for i, d in enumerate(ranking[:depth]))
    best = sum(
        gain(g) / math.log2(i + 2)
        for i, g in enumerate(sorted(grades.values(), reverse=True)[:depth])
    )
    return found / best if best > 0 else None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--binary", default=ROOT / "build/release/rage")
    parser.add_argument("flags", nargs="*", help="further flags for `rage rag`, after --")
    options = parser.parse_args()
    corpus = read_lines(options.folder / "corpus.jsonl")
    queries = read_lines(options.folder / "queries.jsonl")
    grades = read_grades(options.folder / "qrels.tsv")
    with tempfile.TemporaryDirectory() as data:
        service = Service(options.binary, data, *options.flags)
        try:
            for first in range(0, len(corpus), 64):
                documents = [
                    {
                        "text": (d.get("title", "") + "\n" + d["text"]).strip(),
                        "metadata": {"id": d["id"]},
                    }
                    for d in corpus[first : first + 64]
                ]
                service.call("POST", "/index", {"index_name": "q", "documents": documents})
            scores, exact = [], 0
            for query in queries:
                reply = service.call(
                    "POST",
                    "/retrieve",
                    {"index_name": "q", "query": query["text"], "max_node_count": 50},
                )
                ranking = list(dict.fromkeys(hit["metadata"]["id"] for hit in reply["results"]))
                score = ndcg(ranking, grades.get(query["id"], {}))
                if score is not None:
                    scores.append(score)
            texts = {}
            for d in corpus:
                texts.setdefault((d.get("title", "") + "\n" + d["text"]).strip(), d["id"])
            for text, identity in texts.items():
                reply = (
                    service.call(
                        "POST",
                        "/retrieve",
                        {"index_name": "q", "query": text or " .", "max_node_count": 1},
                    )
                    if text
                    else None
                )
                exact += reply is None or reply["results"][0]["text"] in text
        finally:
            service.stop()
    print(
        json.dumps(
            {
                "documents": len(corpus),
                "queries": len(scores),
                "ndcg_at_10": round(sum(scores) / len(scores), 4),
                "exact_text_first": f"{exact} of {len(texts)}",
            }
        )
    )


if __name__ == "__main__":
    main()
