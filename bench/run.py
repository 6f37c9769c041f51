#!/usr/bin/env python3
"""All benchmarks, one JSON object a line, with the machine and the compiler.

usage: bench/run.py [NAME ...]      embed, rag_service, grounding, grounding_catalogue, first_token,
                                    assistant, assistant_redis, million_chunks; default: all
"""

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

from service import ROOT

BUILD = ROOT / "build/release"


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    flags = set(re.search(r"flags\s*: (.*)", Path("/proc/cpuinfo").read_text()).group(1).split())
    wanted = ["avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8"]
    cores = sum(line.startswith("processor") for line in open("/proc/cpuinfo"))
    cache = (BUILD / "CMakeCache.txt").read_text()
    compiler = re.search(r"CMAKE_CXX_COMPILER:\w+=(.*)", cache).group(1)
    version = subprocess.run(
        [compiler, "--version"], capture_output=True, text=True
    ).stdout.splitlines()[0]
    return {
        "cpu": model.group(1) if model else platform.processor(),
        "cores": cores,
        "isa": [flag for flag in wanted if flag in flags],
        "compiler": version,
        "commit": subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
        ).stdout.strip(),
    }


BENCHES = {
    "embed": [str(BUILD / "embed_bench")],
    "rag_service": [str(ROOT / "bench/rag_service.py")],
    "grounding": [str(ROOT / "bench/grounding_quality.py")],
    "grounding_catalogue": [str(ROOT / "bench/grounding_quality.py"), "--set", "catalogue"],
    "first_token": [str(ROOT / "bench/first_token.py")],
    "assistant": [str(ROOT / "bench/assistant_sessions.py"), str(BUILD / "rage")],
    "assistant_redis": [str(ROOT / "bench/assistant_sessions.py"), str(BUILD / "rage"), "--redis"],
    "million_chunks": [str(BUILD / "million_chunks")],
}


def documents(text):
    """Every JSON object of `text`, which may have other lines between them."""
    at = text.find("{")
    while at >= 0:
        found, end = json.JSONDecoder().raw_decode(text, at)
        yield found
        at = text.find("{", end)


def main():
    names = sys.argv[1:] or list(BENCHES)
    about = machine()
    for name in names:
        if name not in BENCHES:
            raise SystemExit(__doc__)
        done = subprocess.run(BENCHES[name], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{name} failed:\n{done.stderr}{done.stdout}")
        for found in documents(done.stdout):
            print(json.dumps({"bench": name, **found, "machine": about}), flush=True)


if __name__ == "__main__":
    main()
