#!/usr/bin/env python3
"""Fake GPU nodes for KWOK: prints them as a List, or creates them in a cluster of up.sh.

usage: kwok_nodes.py COUNT [--type Standard_NC24ads_A100_v4] [--name gpu] [--label KEY=VALUE]...
                     [--taint KEY=VALUE:EFFECT]... [--mig PROFILE=COUNT]... [--cluster DIR]
"""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from kubeapi import Api  # noqa: E402

# instance type -> (GPUs, MiB of each, product as GPU feature discovery labels it, CPUs, GiB of RAM)
INSTANCE_TYPES = {
    "Standard_NC4as_T4_v3": (1, 16384, "Tesla-T4", 4, 28),
    "Standard_NC6s_v3": (1, 16384, "Tesla-V100", 6, 112),
    "Standard_NV36ads_A10_v5": (1, 24576, "NVIDIA-A10", 36, 440),
    "Standard_NV72ads_A10_v5": (2, 24576, "NVIDIA-A10", 72, 880),
    "Standard_NC24ads_A100_v4": (1, 81920, "NVIDIA-A100-SXM4-80GB", 24, 220),
    "Standard_NC48ads_A100_v4": (2, 81920, "NVIDIA-A100-SXM4-80GB", 48, 440),
    "Standard_NC96ads_A100_v4": (4, 81920, "NVIDIA-A100-SXM4-80GB", 96, 880),
    "Standard_ND96asr_A100_v4": (8, 40960, "NVIDIA-A100-SXM4-40GB", 96, 900),
    "Standard_ND96amsr_A100_v4": (8, 81920, "NVIDIA-A100-SXM4-80GB", 96, 1900),
    "Standard_NC40ads_H100_v5": (1, 96256, "NVIDIA-H100-NVL", 40, 320),
    "Standard_NC80adis_H100_v5": (2, 96256, "NVIDIA-H100-NVL", 80, 640),
    "Standard_ND96isr_H100_v5": (8, 81920, "NVIDIA-H100-80GB-HBM3", 96, 1900),
    "Standard_ND96isr_H200_v5": (8, 144384, "NVIDIA-H200", 96, 1850),
    "Standard_D8s_v5": (0, 0, "", 8, 32),
    "g5.xlarge": (1, 24576, "NVIDIA-A10G", 4, 16),
    "p4d.24xlarge": (8, 40960, "NVIDIA-A100-SXM4-40GB", 96, 1152),
    "p5.48xlarge": (8, 81920, "NVIDIA-H100-80GB-HBM3", 192, 2048),
}


def fake_node(name, instance_type, labels=None, taints=(), mig=None):
    """A Node document that KWOK will make Ready with these GPUs."""
    gpus, memory, product, cpus, ram = INSTANCE_TYPES[instance_type]
    own = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": instance_type,
    }
    capacity = {"cpu": str(cpus), "memory": f"{ram}Gi", "pods": "110", "ephemeral-storage": "4Ti"}
    if gpus:
        own["nvidia.com/gpu.product"] = product
        own["nvidia.com/gpu.count"] = str(gpus)
        own["nvidia.com/gpu.memory"] = str(memory)
        capacity["nvidia.com/gpu"] = str(gpus)
    for profile, count in (mig or {}).items():
        capacity[f"nvidia.com/mig-{profile}"] = str(count)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**own, **(labels or {})},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"taints": list(taints)} if taints else {},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def create_nodes(api, nodes):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(api.create, nodes))


def parse_taint(text):
    pair, effect = text.rsplit(":", 1)
    key, _, value = pair.partition("=")
    return {"key": key, "value": value, "effect": effect}


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("count", type=int)
    parser.add_argument("--type", default="Standard_NC24ads_A100_v4", choices=INSTANCE_TYPES)
    parser.add_argument("--name", default="gpu")
    parser.add_argument("--label", action="append", default=[])
    parser.add_argument("--taint", action="append", default=[], type=parse_taint)
    parser.add_argument("--mig", action="append", default=[])
    parser.add_argument("--cluster")
    options = parser.parse_args()
    nodes = [
        fake_node(
            f"{options.name}-{number}", options.type,
            dict(label.split("=", 1) for label in options.label), options.taint,
            dict(mig.split("=", 1) for mig in options.mig),
        )
        for number in range(options.count)
    ]
    if options.cluster:
        create_nodes(Api(options.cluster), nodes)
    else:
        json.dump({"apiVersion": "v1", "kind": "List", "items": nodes}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
