"""Measures sentence-transformers on the texts that embed_bench wrote; prints one JSON object.

Usage: embed_peer.py MODEL_FOLDER TEXTS_FILE [SECONDS] [THREADS]
"""

import time

START = time.monotonic()

import json
import os
import sys
import threading

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from sentence_transformers import SentenceTransformer

PASSAGES_A_CALL = 16


def read_texts(path):
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    return [[row["text"] for row in rows if row["kind"] == kind] for kind in ("query", "passage")]


def ms_since(start):
    return (time.monotonic() - start) * 1000


def encode(model, texts):
    return model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def measure_queries(model, queries, threads, seconds):
    """Each thread asks one question after the other, as the requests of a service do."""
    latencies = []
    start = time.monotonic()

    def ask(i):
        while time.monotonic() - start < seconds:
            begin = time.monotonic()
            encode(model, [queries[i % len(queries)]])
            latencies.append(ms_since(begin))
            i += 1

    callers = [threading.Thread(target=ask, args=(61 * caller,)) for caller in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    elapsed = time.monotonic() - start
    latencies.sort()
    return {
        "per_second": len(latencies) / elapsed,
        "p50_ms": latencies[len(latencies) // 2],
        "p99_ms": latencies[int(0.99 * (len(latencies) - 1))],
    }


def measure_passages(model, passages, seconds):
    done = 0
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        at = done % len(passages)
        encode(model, passages[at : at + PASSAGES_A_CALL])
        done += PASSAGES_A_CALL
    return done / (time.monotonic() - start)


def resident_mb():
    for line in open("/proc/self/status", encoding="ascii"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return None


def main():
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 3.0
    torch.set_num_threads(int(sys.argv[4]) if len(sys.argv) > 4 else os.cpu_count())
    model = SentenceTransformer(sys.argv[1], device="cpu")
    encode(model, ["Who gives the keynote on Sunday?"])
    result = {"tool": "sentence-transformers", "first_vector_ms": ms_since(START)}
    queries, passages = read_texts(sys.argv[2])
    measure_queries(model, queries, 2, 0.5)
    result["query_1_thread"] = measure_queries(model, queries, 1, seconds)
    result["query_16_threads"] = measure_queries(model, queries, 16, seconds)
    result["passages_per_second"] = measure_passages(model, passages, seconds)
    result["resident_mb"] = resident_mb()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
