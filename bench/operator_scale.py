#!/usr/bin/env python3
"""How the operator scales: N InferenceSets on M fake nodes of a real Kubernetes. Prints JSON.

usage: operator_scale.py [--sets 500] [--nodes 200] [--replicas 1] [--pickers] [--idle 30]
                         [--binary rage]

Each replica is a Workspace with a StatefulSet and two Services: four child objects; with --pickers
each set has an InferencePool and its endpoint picker besides, six more. Nodes have eight GPUs and a
replica asks for two.
"""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--pickers", action="store_true")
    parser.add_argument("--idle", type=float, default=30, help="seconds that nothing happens")
    parser.add_argument("--timeout", type=float, default=3600)
    parser.add_argument("--binary", default=str(ROOT / "build/release/rage"))
    return parser.parse_args()


def difference(after, before):
    return {verb: n - before.get(verb, 0) for verb, n in after.items() if n > before.get(verb, 0)}


def by_verb(audited):
    counts = {}
    for (verb, _), count in audited.items():
        counts[verb] = counts.get(verb, 0) + count
    return counts


def measure(cluster, operator, chosen):
    from churn import a_set, make_nodes, wait_for_convergence

    namespaces = [f"churn-{i}" for i in range(max(1, chosen.sets // 500))]
    for name in namespaces:
        cluster.ensure_namespace(name)
    make_nodes(cluster.api, chosen.nodes)
    operator.start()
    started_bytes = operator.resident_bytes()
    before, cpu, begun = cluster.requests_by_verb(), operator.cpu_seconds(), time.monotonic()
    wanted = {name: {} for name in namespaces}
    jobs = []
    for number in range(chosen.sets):
        namespace, name = namespaces[number % len(namespaces)], f"set-{number}"
        wanted[namespace][name] = chosen.replicas
        jobs.append((namespace, name))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(
            lambda job: cluster.api.create(a_set(job[1], chosen.replicas), job[0]), jobs
        ))
    created = time.monotonic() - begun
    for namespace in namespaces:
        wait_for_convergence(cluster.api, wanted[namespace], chosen.timeout, namespace)
    converged = time.monotonic() - begun
    busy = operator.cpu_seconds() - cpu
    all_requests = difference(cluster.requests_by_verb(), before)
    own = by_verb(cluster.audited())
    quiet = wait_for_quiet(cluster)
    idle_cpu, idle_requests = operator.cpu_seconds(), sum(own.values())
    time.sleep(chosen.idle)
    idle_cpu = operator.cpu_seconds() - idle_cpu
    idle_requests = sum(cluster.audited().values()) - idle_requests
    children = chosen.sets * (chosen.replicas * 4 + (6 if chosen.pickers else 0))
    return {
        "sets": chosen.sets, "nodes": chosen.nodes, "children": children,
        "created_seconds": round(created, 2),
        "converge_seconds": round(converged, 2),
        "quiet_after_seconds": round(quiet, 2),
        "operator_requests": own,
        "operator_requests_per_set": round(sum(own.values()) / chosen.sets, 2),
        "all_requests": all_requests,
        "operator_cpu_seconds": round(busy, 2),
        "operator_cpu_ms_per_set": round(1000 * busy / chosen.sets, 2),
        "operator_rss_mb_start": round(started_bytes / 1e6, 1),
        "operator_rss_mb": round(operator.resident_bytes() / 1e6, 1),
        "operator_rss_mb_max": round(operator.resident_bytes_max() / 1e6, 1),
        "idle_cpu_percent_of_a_core": round(100 * idle_cpu / chosen.idle, 3),
        "idle_requests": idle_requests,
    }


def wait_for_quiet(cluster, calm=20, most=900):
    """Until the operator has asked for nothing in `calm` seconds: stragglers are not idleness."""
    begun = time.monotonic()
    seen = -1
    while time.monotonic() - begun < most:
        now = sum(cluster.audited().values())
        if now == seen:
            break
        seen = now
        time.sleep(calm)
    return time.monotonic() - begun


def main():
    chosen = options()
    os.environ["RAGE_BINARY"] = chosen.binary
    sys.path.insert(0, str(ROOT / "tests/operator"))
    from support import ALL_GATES, Cluster, Operator

    with Cluster(audit=True) as cluster:
        gates = ("--feature-gates", ALL_GATES) if chosen.pickers else ()
        operator = Operator(cluster, "byo", flags=gates)
        try:
            print(json.dumps(measure(cluster, operator, chosen), indent=1))
        finally:
            code = operator.stop()
            if code:
                sys.exit(f"rage operator ended with {code}:\n{operator.log_tail()}")


if __name__ == "__main__":
    main()
