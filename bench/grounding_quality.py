#!/usr/bin/env python3
"""Grades answers: the share right, wrong facts shown, unanswerable ones declined. JSON.

usage: bench/grounding_quality.py [--set scale23x|catalogue|golden|…] [--binary build/release/rage]
                                  [--assistant] [--llm-url URL] [--html FILE] [--verbose]

Starts a service, indexes the set's documents and runs `rage eval`, whose rules these are.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from service import ROOT, Service

SETS = {
    "scale23x": ("scale23x/schedule_index.json", "scale23x/questions-dev.jsonl"),
    "catalogue": ("catalogue/catalogue_index.json", "catalogue/questions.jsonl"),
    "heldout": ("catalogue/catalogue_index.json", "catalogue/questions-heldout.jsonl"),
    "heldout-schedule": ("scale23x/schedule_index.json", "scale23x/questions-heldout.jsonl"),
    "unseen": ("catalogue/catalogue_index.json", "catalogue/questions-unseen.jsonl"),
    "unseen-schedule": ("scale23x/schedule_index.json", "scale23x/questions-unseen.jsonl"),
    "golden": ("scale23x/schedule_index.json", "../tests/golden/grounding_questions.jsonl"),
}


def evaluate(binary, questions, *flags):
    """The report of `rage eval --json`."""
    command = [str(binary), "eval", str(questions), "--json"]
    done = subprocess.run([*command, *map(str, flags)], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"rage eval ended with {done.returncode}")
    return json.loads(done.stdout)


def print_failures(report):
    for row in report["results"]:
        if not row["right"]:
            wrong = ", WRONG FACT" if row["wrongFact"] else ""
            print(f"--- {row['id']} {row['type']}{wrong}: {row['why']}", file=sys.stderr)
            print(f"Q: {row['question']}\nA: {row['answer']}\n", file=sys.stderr)


@contextlib.contextmanager
def assistant(binary, url, index):
    """The flags of `rage eval` for an assistant in front of the service at `url`."""
    with tempfile.TemporaryDirectory() as data:
        flags = ("--base-url", f"{url}/v1", "--rag-url", url, "--index", index, "--model", "rage")
        agent = Service(binary, data, *flags, command="assistant")
        try:
            yield ["--assistant", f"http://127.0.0.1:{agent.port}"]
        finally:
            agent.stop()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", default=ROOT / "build/release/rage")
    parser.add_argument("--set", choices=SETS, default="scale23x", help="of examples/")
    parser.add_argument("--documents", type=Path, help="another corpus, as POST /index takes it")
    parser.add_argument("--questions", type=Path, help="other questions")
    parser.add_argument(
        "--assistant", action="store_true", help="ask through the chat of `rage assistant`"
    )
    parser.add_argument("--llm-url", help="a model; without it answers are extractive")
    parser.add_argument("--answers", default="auto")
    parser.add_argument("--html", type=Path, help="write a page with a drawer per question")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    documents, questions = (ROOT / "examples" / name for name in SETS[options.set])
    with tempfile.TemporaryDirectory() as data:
        flags = (
            ["--llm-url", options.llm_url, "--answers", options.answers]
            if options.llm_url
            else ["--answers", "extractive"]
        )
        service = Service(options.binary, data, *flags)
        try:
            texts = json.loads((options.documents or documents).read_text())["documents"]
            service.call("POST", "/index", {"index_name": "s", "documents": texts})
            html = ["--html", options.html] if options.html else []
            url = f"http://127.0.0.1:{service.port}"
            service_itself = contextlib.nullcontext(["--url", url, "--index", "s"])
            chat = options.assistant
            with assistant(options.binary, url, "s") if chat else service_itself as whom:
                report = evaluate(options.binary, options.questions or questions, *whom, *html)
        finally:
            service.stop()
    if options.verbose:
        print_failures(report)
    report["failures"] = [row["id"] for row in report.pop("results") if not row["right"]]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
