#!/usr/bin/env python3
"""nDCG@10 of /retrieve on a test collection, and of each half of it alone, as JSON.

usage: bench/retrieval_quality.py FOLDER|EXAMPLE [--text-only] [--binary build/release/rage]

EXAMPLE is one of bench/grounding_quality.py's sets. FOLDER holds corpus.jsonl
({"id","title","text"}), queries.jsonl ({"id","text"}) and qrels.tsv (query, document, grade; a
header line is skipped). With --text-only the records of an example lose their fields; their texts
say the same. Gains are 2^grade - 1. `hybrid` is what /retrieve ranks; BM25 is that of the words it
searched for, typing errors put right where the documents are records.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path

from grounding_quality import SETS
from service import ROOT, Service

HITS = 300  # As many as are fused; the first ten of either half are among them.


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


def folder_of(path):
    """(documents, queries, grades) of a test collection."""
    documents = [
        {"text": (d.get("title", "") + "\n" + d["text"]).strip(), "metadata": {"id": d["id"]}}
        for d in read_lines(path / "corpus.jsonl")
    ]
    queries = [(q["id"], q["text"]) for q in read_lines(path / "queries.jsonl")]
    return documents, queries, read_grades(path / "qrels.tsv")


def example_of(name):
    """The same of an example: the records that a question expects are its relevant ones."""
    index, questions = (ROOT / "examples" / part for part in SETS[name])
    documents = json.loads(index.read_text())["documents"]
    asked = [q for q in read_lines(questions) if q["answerable"] and not q.get("history")]
    grades = {q["id"]: {url: 1 for url in q["expected_urls"]} for q in asked}
    return documents, [(q["id"], q["question"]) for q in asked], grades


def without_fields(documents):
    """The same texts, with what identifies them alone."""
    return [{**d, "metadata": {"url": d["metadata"].get("url", "")}} for d in documents]


def identity_of(hit):
    """As the grades name it; what has neither is not in them."""
    metadata = hit["metadata"]
    return metadata.get("id") or metadata.get("url") or hit["doc_id"]


def rankings(results):
    """{how: ids}: as fused, and by each of the two scores alone."""
    found = {"hybrid": results}
    for how, key in (("dense", "dense_score"), ("bm25", "sparse_score")):
        scored = [hit for hit in results if hit[key] is not None]
        found[how] = sorted(scored, key=lambda hit: -hit[key])
    return {
        how: list(dict.fromkeys(identity_of(hit) for hit in hits))
        for how, hits in found.items()
    }


def search(service, text, hits_max):
    body = {"index_name": "q", "query": text, "max_node_count": hits_max}
    return service.call("POST", "/retrieve", body)["results"]


def score(queries, grades, ask):
    """{how: the nDCG@10 of each query}; `ask` gives the hits of a text."""
    scores = {"hybrid": [], "dense": [], "bm25": []}
    for identity, text in queries:
        for how, ranking in rankings(ask(text)).items():
            one = ndcg(ranking, grades.get(identity, {}))
            if one is not None:
                scores[how].append(one)
    return scores


def measure(service, documents, queries, grades):
    for first in range(0, len(documents), 64):
        batch = documents[first : first + 64]
        service.call("POST", "/index", {"index_name": "q", "documents": batch})
    scores = score(queries, grades, lambda text: search(service, text, HITS))
    texts = {document["text"] for document in documents if document["text"]}
    exact = sum(search(service, text, 1)[0]["text"] in text for text in texts)
    mean = {how: round(sum(values) / len(values), 4) for how, values in scores.items()}
    return {
        "documents": len(documents),
        "queries": len(scores["hybrid"]),
        "ndcg_at_10": mean["hybrid"],
        "dense_alone": mean["dense"],
        "bm25_alone": mean["bm25"],
        "exact_text_first": f"{exact} of {len(texts)}",
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("collection", help="a folder, or one of " + ", ".join(SETS))
    parser.add_argument("--text-only", action="store_true", help="an example without its fields")
    parser.add_argument("--binary", default=ROOT / "build/release/rage")
    parser.add_argument("flags", nargs="*", help="further flags for `rage rag`, after --")
    options = parser.parse_args()
    known = options.collection in SETS
    documents, *asked = (example_of if known else folder_of)(
        options.collection if known else Path(options.collection)
    )
    if known and options.text_only:
        documents = without_fields(documents)
    with tempfile.TemporaryDirectory() as data:
        service = Service(options.binary, data, *options.flags)
        try:
            report = measure(service, documents, *asked)
            print(json.dumps({"collection": options.collection, **report}))
        finally:
            service.stop()


if __name__ == "__main__":
    main()
