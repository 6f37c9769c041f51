#!/bin/bash
# Embedding against sentence-transformers, in turn on the same texts; one JSON object with medians.
# Usage: bench/embed.sh EMBED_BENCH PYTHON MODEL_FOLDER [ROUNDS] [SECONDS]
#   PYTHON has sentence-transformers and torch; EMBED_BENCH is built by the preset `release`.
set -euo pipefail
bench=$1 python=$2 model=$3 rounds=${4:-3} seconds=${5:-3}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for round in $(seq "$rounds"); do
  for precision in auto f32; do
    "$bench" --model "$model" --seconds "$seconds" --precision "$precision" \
      --texts-out "$work/texts.jsonl" > "$work/rage_$precision.$round.json"
  done
  "$python" "$here/embed_peer.py" "$model" "$work/texts.jsonl" "$seconds" \
    > "$work/peer.$round.json" 2> "$work/peer.log" || { cat "$work/peer.log" >&2; exit 1; }
done
python3 - "$work" "$rounds" <<'PYTHON'
import json, os, platform, statistics, sys

folder, rounds = sys.argv[1], int(sys.argv[2])

def median(values):
    if isinstance(values[0], dict):
        return {key: median([value[key] for value in values]) for key in values[0]}
    return round(statistics.median(values), 2) if isinstance(values[0], float) else values[0]

def read(name):
    return median([json.load(open(f"{folder}/{name}.{i}.json")) for i in range(1, rounds + 1)])

def cpu():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()

def ratio(ours, peer, *path):
    for key in path:
        ours, peer = ours[key], peer[key]
    return round(ours / peer, 2)

rage, f32, peer = read("rage_auto"), read("rage_f32"), read("peer")
print(json.dumps({
    "machine": {"cpu": cpu(), "cores": os.cpu_count(), "system": platform.release()},
    "compiler": rage["compiler"],
    "rage": rage,
    "rage_f32": f32,
    "sentence_transformers": peer,
    "ratio": {
        "passages_per_second": ratio(rage, peer, "passages_per_second"),
        "passages_per_second_f32": ratio(f32, peer, "passages_per_second"),
        "query_1_thread_p50": ratio(peer, rage, "query_1_thread", "p50_ms"),
        "query_16_threads_per_second": ratio(rage, peer, "query_16_threads", "per_second"),
        "first_vector": ratio(peer, rage, "first_vector_ms"),
        "resident": ratio(peer, rage, "resident_mb"),
    },
}, indent=2))
PYTHON
