#!/usr/bin/env python3
"""Fits the weights of src/rag/sufficiency.cc, and tells how well they hold elsewhere. JSON.

usage: bench/sufficiency_fit.py [--binary build/release/rage] [--l2 0.002]

Asks the questions of both example corpora, reads what the service computed sufficiency from, and
fits a logistic model to whether each question can be answered; both corpora count the same.
`left_out` is what a model fitted to one corpus says about the other, `held_out` what the one fitted
to both says about questions that no fit has seen.
"""

import argparse
import json
import math
import tempfile

from grounding_quality import ROOT, SETS, evaluate
from service import Service

FEATURES = ["nearest", "margin", "coverage", "rare", "constraints", "absent", "resolved"]
CORPORA = {
    "schedule": ["scale23x", "golden"],
    "catalogue": ["catalogue"],
    "held_out": ["heldout"],
}


def read_rows(binary, set_name):
    """[(features, answerable, what the service says)]"""
    documents, questions = (f"examples/{name}" for name in SETS[set_name])
    with tempfile.TemporaryDirectory() as data:
        service = Service(binary, data, "--answers", "extractive")
        try:
            texts = json.loads((ROOT / documents).read_text())["documents"]
            service.call("POST", "/index", {"index_name": "s", "documents": texts})
            url = f"http://127.0.0.1:{service.port}"
            report = evaluate(binary, ROOT / questions, "--url", url, "--index", "s")
        finally:
            service.stop()
    rows = []
    for row in report["results"]:
        features = [min(max(row["features"][key], 0), 1) for key in FEATURES]
        rows.append((features, row["answerable"], row["sufficiency"]))
    return rows


def predict(weights, features):
    z = weights[-1] + sum(w * x for w, x in zip(weights, features))
    return 1 / (1 + math.exp(-max(min(z, 40), -40)))


def fit(groups, l2):
    """Weights and bias, by gradient descent; every group counts the same."""
    weights = [0.0] * (len(FEATURES) + 1)
    for _ in range(6000):
        slope = [l2 * w for w in weights[:-1]] + [0.0]
        for rows in groups:
            for features, answerable, _ in rows:
                error = (predict(weights, features) - answerable) / len(rows) / len(groups)
                for i, x in enumerate([*features, 1.0]):
                    slope[i] += error * x
        weights = [w - 2.0 * s for w, s in zip(weights, slope)]
    return weights


def judge(said):
    """said: [(probability, answerable)]"""
    yes = [p for p, answerable in said if answerable]
    no = [p for p, answerable in said if not answerable]
    wins = sum((a > b) + 0.5 * (a == b) for a in yes for b in no)
    bins = {}
    for p, answerable in said:
        bins.setdefault(min(int(p * 5), 4), []).append((p, answerable))
    gap = sum(abs(sum(p for p, _ in b) - sum(a for _, a in b)) for b in bins.values())
    return {
        "questions": len(said),
        "auc": round(wins / (len(yes) * len(no)), 4),
        "brier": round(sum((p - a) ** 2 for p, a in said) / len(said), 4),
        "calibration_error": round(gap / len(said), 4),
        "wrong_side_of_half": sum((p >= 0.5) != a for p, a in said),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", default=ROOT / "build/release/rage")
    parser.add_argument("--l2", type=float, default=0.002)
    options = parser.parse_args()
    rows = {
        corpus: [row for name in sets for row in read_rows(options.binary, name)]
        for corpus, sets in CORPORA.items()
    }
    fitted = ["schedule", "catalogue"]
    report = {"left_out": {}}
    for corpus in fitted:
        others = fit([rows[other] for other in fitted if other != corpus], options.l2)
        report["left_out"][corpus] = judge([(predict(others, f), a) for f, a, _ in rows[corpus]])
    weights = fit([rows[corpus] for corpus in fitted], options.l2)
    report["weights"] = dict(zip([*FEATURES, "bias"], (round(w, 2) for w in weights)))
    report["fitted"] = {c: judge([(predict(weights, f), a) for f, a, _ in rows[c]]) for c in rows}
    report["service"] = {c: judge([(said, a) for _, a, said in rows[c]]) for c in rows}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
