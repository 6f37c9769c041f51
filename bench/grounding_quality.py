#!/usr/bin/env python3
"""Grades answers: the share right, wrong facts shown, unanswerable ones declined. JSON.

usage: bench/grounding_quality.py [--set scale23x|catalogue] [--binary build/release/rage]
                                  [--llm-url URL] [--verbose]

The rules of the set: comparisons ignore case; every string of must_include and one of each any_of
group must occur, none of must_not_include. A reply of over 900 characters to a question for one
fact is wrong. An unanswerable question must be declined: absent terms may be named, but nothing may
be asserted of them.
"""

import argparse
import json
import re
import tempfile
from pathlib import Path

from service import ROOT, Service

SHORT_TYPES = {"single-fact", "paraphrase", "typo", "follow-up", "unanswerable"}
LENGTH_MAX = 900
SETS = {
    "scale23x": ("schedule_index.json", "questions-dev.jsonl"),
    "catalogue": ("catalogue_index.json", "questions.jsonl"),
}
DECLINES = re.compile(
    r"do(es)? not (say|tell|answer|mention|list|have|name|give|contain|state|show|include|announce)"
    r"|no (session|document|source|talk|entry|information)"
    r"|not (listed|announced|mentioned|stated|given|in the|on the)"
    r"|nothing (about|on)|cannot (find|tell)|don't know",
    re.I,
)


def fold(text):
    return re.sub(r"\s+", " ", text.replace("’", "'").replace("‑", "-")).casefold()


def grade(question, answer):
    """(right, declined, wrong fact shown)"""
    text = fold(answer)
    declined = bool(DECLINES.search(answer))
    forbidden = any(fold(term) in text for term in question.get("must_not_include", []))
    if not question["answerable"]:
        right = declined and not forbidden and len(answer) <= LENGTH_MAX
        return right, declined, forbidden or not declined
    complete = all(fold(term) in text for term in question.get("must_include", [])) and all(
        any(fold(choice) in text for choice in group) for group in question.get("any_of", [])
    )
    short_enough = len(answer) <= LENGTH_MAX or question["type"] not in SHORT_TYPES
    right = complete and not forbidden and short_enough
    # An answer that neither is right nor declines asserts something that was not asked or not true.
    return right, declined, forbidden or (not complete and not declined)


def evaluate(ask, path, verbose=False):
    questions = [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]
    right = declined = wrong = unanswerable = declined_answerable = answered = 0
    by_type, failures = {}, []
    for question in questions:
        answer = ask(question["question"], question.get("history") or [])
        ok, said_no, wrong_fact = grade(question, answer)
        right += ok
        wrong += wrong_fact
        unanswerable += not question["answerable"]
        declined += said_no and not question["answerable"]
        declined_answerable += said_no and not ok and question["answerable"]
        answered += ok and question["answerable"]
        entry = by_type.setdefault(question["type"], [0, 0])
        entry[0] += ok
        entry[1] += 1
        if not ok:
            failures.append(question["id"])
        if verbose and (not ok or wrong_fact):
            print(
                f"--- {question['id']} {question['type']} right={ok} wrong_fact={wrong_fact}\n"
                f"Q: {question['question']}\nA: {answer}\n"
            )
    return {
        "questions": len(questions),
        "right": right,
        "right_share": round(right / len(questions), 4),
        "wrong_facts": wrong,
        "answerable_right_share": round(answered / max(1, len(questions) - unanswerable), 4),
        "answerable_declined": declined_answerable,
        "declined_share": round(declined / max(1, unanswerable), 4),
        "right_by_type": {kind: f"{a} of {b}" for kind, (a, b) in by_type.items()},
        "failures": failures,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", default=ROOT / "build/release/rage")
    parser.add_argument("--set", choices=SETS, default="scale23x", help="a folder of examples/")
    parser.add_argument("--documents", type=Path, help="another corpus, as POST /index takes it")
    parser.add_argument("--questions", type=Path, help="other questions")
    parser.add_argument("--llm-url", help="a model; without it answers are extractive")
    parser.add_argument("--answers", default="auto")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    documents, questions = (ROOT / "examples" / options.set / name for name in SETS[options.set])
    options.documents = options.documents or documents
    options.questions = options.questions or questions
    with tempfile.TemporaryDirectory() as data:
        flags = (
            ["--llm-url", options.llm_url, "--answers", options.answers]
            if options.llm_url
            else ["--answers", "extractive"]
        )
        service = Service(options.binary, data, *flags)
        try:
            documents = json.loads(options.documents.read_text())["documents"]
            service.call("POST", "/index", {"index_name": "s", "documents": documents})

            def ask(question, history):
                reply = service.call(
                    "POST",
                    "/v1/chat/completions",
                    {
                        "index_name": "s",
                        "messages": [*history, {"role": "user", "content": question}],
                    },
                )
                return reply["choices"][0]["message"]["content"]

            print(json.dumps(evaluate(ask, options.questions, options.verbose)))
        finally:
            service.stop()


if __name__ == "__main__":
    main()
