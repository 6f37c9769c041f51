#!/usr/bin/env python3
"""Time to the first words of a streamed answer: composed from the sources, and the model's. JSON.

usage: bench/first_token.py [--binary build/release/rage]

Starts the model server and the RAG service as `rage up` does, in a directory of its own.
"""

import argparse
import http.client
import json
import socket
import statistics
import subprocess
import tempfile
import time

from service import ROOT

COMPOSED = [
    "In which room is Migrating to OpenTelemetry?",
    "Who presents Passkeys for the Rest of Us?",
    "Which MySQL sessions are on Saturday?",
    "When does Homelab Show and Tell start?",
]
OPEN = [
    "What is the talk about the taco truck about?",
    "Summarise the session on autovacuum.",
    "Why should I visit the eBPF talk?",
    "What will I learn about row-level security?",
]


def first_words_ms(port, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    began = time.monotonic()
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"}
    )
    reply = connection.getresponse()
    try:
        for line in reply:
            if not line.startswith(b"data: {"):
                continue
            choices = json.loads(line[6:])["choices"]
            if choices and choices[0]["delta"].get("content"):
                return round((time.monotonic() - began) * 1000, 1)
    finally:
        connection.close()
    return None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", default=str(ROOT / "build/release/rage"))
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        base = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        subprocess.run(
            [
                options.binary,
                "up",
                "--detach",
                "--data",
                data,
                "--port-base",
                str(base),
                "--example",
                str(ROOT / "examples/scale23x/schedule_index.json"),
            ],
            check=True,
            capture_output=True,
        )
        try:

            def ask(question, index):
                body = {"stream": True, "messages": [{"role": "user", "content": question}]}
                return first_words_ms(base, {**body, "index_name": "schedule"} if index else body)

            report = {
                "ungrounded_ms": [ask(q, False) for q in OPEN],
                "composed_ms": [ask(q, True) for q in COMPOSED],
                "model_cold_ms": [ask(q, True) for q in OPEN],
                "model_warm_ms": [ask(q, True) for q in OPEN],
            }
        finally:
            subprocess.run(
                [options.binary, "down", "--data", data], check=True, capture_output=True
            )
    medians = {
        key.replace("_ms", "_median_ms"): statistics.median(v for v in values if v is not None)
        for key, values in report.items()
        if any(v is not None for v in values)
    }
    print(json.dumps({**report, **medians}))


if __name__ == "__main__":
    main()
