#!/usr/bin/env python3
"""Quality and cost of grounded answers on both example corpora, as a table.

usage: bench/trusted_answers.py [--binary build/release/rage] [--out bench/trusted_answers.md]
                                [--perturbation FILE] [--sufficiency FILE] [--note TEXT]

--perturbation takes what bench/verifier_perturbation printed, --sufficiency what
bench/sufficiency_fit.py printed. Latencies are measured here: how long a model's finished sentence
takes to reach the client, and the first sentence of an extractive answer.
"""

import argparse
import http.client
import http.server
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

from grounding_quality import ROOT, SETS, evaluate
from service import Service

SENTENCES = [
    "“Migrating to OpenTelemetry” takes place in Ballroom F.",
    "It is free for everybody who brings a cake.",
    "“Migrating to OpenTelemetry” is in Ballroom F.",
    "The speaker flies in from the moon.",
    "“Migrating to OpenTelemetry” is held in Ballroom F.",
]
QUESTION = "In which room is Migrating to OpenTelemetry?"
TOKEN_SECONDS = 0.005


class Model(http.server.BaseHTTPRequestHandler):
    """Says SENTENCES, a word a token, and remembers when each was finished."""

    protocol_version = "HTTP/1.1"
    finished = {}

    def do_GET(self):
        self.reply({"object": "list", "data": [{"id": "m", "object": "model"}]})

    def reply(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for sentence in SENTENCES:
            for word in sentence.split(" "):
                delta = {"choices": [{"index": 0, "delta": {"content": word + " "}}]}
                self.chunk(b"data: " + json.dumps(delta).encode() + b"\n\n")
                Model.finished[sentence] = time.monotonic()
                time.sleep(TOKEN_SECONDS)
        self.chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


class ModelServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A client that closes its connection is no error."""


def stream(port, body):
    """[(seconds, text)] of each chunk with text, by the monotonic clock."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(
        "POST",
        "/v1/chat/completions",
        json.dumps({**body, "stream": True}),
        {"Content-Type": "application/json"},
    )
    pieces = []
    for line in connection.getresponse():
        if not line.startswith(b"data: {"):
            continue
        choices = json.loads(line[6:])["choices"]
        if choices and choices[0]["delta"].get("content"):
            pieces.append((time.monotonic(), choices[0]["delta"]["content"]))
    connection.close()
    return pieces


def chat(question):
    return {"index_name": "s", "messages": [{"role": "user", "content": question}]}


def load(name):
    documents, questions = (ROOT / "examples" / part for part in SETS[name])
    return json.loads(documents.read_text())["documents"], questions


def sentence_ms(binary, runs=10):
    """Milliseconds from a finished sentence of the model to the client; the model's own pause to
    the next word is in it, for only that shows that the sentence has ended."""
    server = ModelServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    took = []
    with tempfile.TemporaryDirectory() as data:
        url = f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
        service = Service(binary, data, "--llm-url", url, "--answers", "model")
        try:
            documents, _ = load("scale23x")
            service.call("POST", "/index", {"index_name": "s", "documents": documents})
            for _ in range(runs):
                pieces = stream(service.port, chat(QUESTION))
                for sentence in SENTENCES:
                    for at, text in pieces:
                        if sentence in text:
                            took.append((at - Model.finished[sentence]) * 1000)
        finally:
            service.stop()
            server.shutdown()
    return took


def measure_set(binary, name):
    """The report of rage eval, and milliseconds to the first words of each answer."""
    with tempfile.TemporaryDirectory() as data:
        service = Service(binary, data, "--answers", "extractive")
        try:
            documents, questions = load(name)
            service.call("POST", "/index", {"index_name": "s", "documents": documents})
            url = f"http://127.0.0.1:{service.port}"
            report = evaluate(binary, questions, "--url", url, "--index", "s")
            first = []
            for line in questions.read_text().splitlines():
                body = chat(json.loads(line)["question"])
                began = time.monotonic()
                first.append((stream(service.port, body)[0][0] - began) * 1000)
        finally:
            service.stop()
    return report, first


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


def percent(value):
    return "–" if value is None else f"{value * 100:.1f} %"


def spread(values):
    if not values:
        return "–"
    return f"{statistics.median(values):.0f} / {percentile(values, 0.99):.0f} ms"


def quality_lines(reports):
    rows = [
        ("questions", lambda r: r["questions"]),
        ("right, of all", lambda r: percent(r["right"])),
        ("right, of the answerable", lambda r: percent(r["answerableRight"])),
        ("answerable declined", lambda r: percent(r["answerableDeclined"])),
        ("unanswerable declined", lambda r: percent(r["refusalRecall"])),
        ("answers with an unsupported or wrong fact", lambda r: r["wrongFactsCount"]),
        ("citations: precision", lambda r: percent(r["citationPrecision"])),
        ("citations: recall", lambda r: percent(r["citationRecall"])),
        ("nDCG@10 of the search", lambda r: "–" if r["ndcg10"] is None else f"{r['ndcg10']:.3f}"),
        ("not right", lambda r: ", ".join(x["id"] for x in r["results"] if not x["right"]) or "–"),
    ]
    yield "| | " + " | ".join(reports) + " |"
    yield "|---|" + "---|" * len(reports)
    for name, value in rows:
        yield f"| {name} | " + " | ".join(str(value(r)) for r in reports.values()) + " |"


def cost_lines(first, sentences, perturbation):
    yield "| | half within / 99 % within | wanted |"
    yield "|---|---|---|"
    for name, values in first.items():
        yield f"| first words of an extractive answer, {name} | {spread(values)} | 300 ms |"
    yield f"| a model's finished sentence to the client | {spread(sentences)} | 150 ms |"
    if perturbation:
        each = perturbation["microseconds_per_answer"] / 1000
        yield f"| verifying an answer of one or two sentences | {each:.1f} ms (mean) | 10 ms |"


def tampering_lines(perturbation):
    for kind, words in (("unfaithful", "tampered with, shown"), ("faithful", "true, dropped")):
        rate = perturbation[kind]
        yield f"- {words}: {rate['wrong']} of {rate['sentences']} ({rate['percent_wrong']:.2f} %)"


def sufficiency_lines(fit):
    yield "| | questions | AUC | Brier score | calibration error | wrong side of 0.5 |"
    yield "|---|---|---|---|---|---|"
    rows = [(f"{c}, fitted to the other corpus", v) for c, v in fit["left_out"].items()]
    rows += [(f"{c}, as shipped", v) for c, v in fit["service"].items()]
    for name, v in rows:
        yield (
            f"| {name} | {v['questions']} | {v['auc']:.3f} | {v['brier']:.3f} | "
            f"{v['calibration_error']:.3f} | {v['wrong_side_of_half']} |"
        )


def render(reports, first, sentences, perturbation, fit, note):
    lines = [
        "# Trusted answers: quality and cost",
        "",
        "Written by `bench/trusted_answers.py`. The embedder is all-MiniLM-L6-v2; answers are",
        "extractive, no model takes part but in the time of a sentence.",
        note,
        "",
        *quality_lines(reports),
        "",
        *cost_lines(first, sentences, perturbation),
    ]
    if perturbation:
        lines += ["", "Sentences about the schedule, one fact tampered with:", ""]
        lines += tampering_lines(perturbation)
    if fit:
        lines += ["", "Sufficiency as a probability that the question can be answered:", ""]
        lines += sufficiency_lines(fit)
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", default=ROOT / "build/release/rage")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/trusted_answers.md")
    parser.add_argument("--perturbation", type=Path)
    parser.add_argument("--sufficiency", type=Path)
    parser.add_argument("--note", default="", help="of the machine and the build")
    options = parser.parse_args()
    read = lambda path: json.loads(path.read_text()) if path else None
    names = {
        "scale23x": "schedule",
        "catalogue": "catalogue",
        "heldout": "held out, catalogue",
        "heldout-schedule": "held out, schedule",
        "unseen": "unseen, catalogue",
        "unseen-schedule": "unseen, schedule",
    }
    measured = {shown: measure_set(options.binary, name) for name, shown in names.items()}
    reports = {name: report for name, (report, _) in measured.items()}
    first = {name: values for name, (_, values) in measured.items()}
    sentences = sentence_ms(options.binary)
    table = render(
        reports,
        first,
        sentences,
        read(options.perturbation),
        read(options.sufficiency),
        options.note,
    )
    options.out.write_text(table)
    print(table)


if __name__ == "__main__":
    main()
