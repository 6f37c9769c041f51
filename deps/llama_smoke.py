"""Starts llama-server on a free loopback port, asks for one completion, and stops it.

usage: llama_smoke.py LLAMA_SERVER MODEL.gguf
"""
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

# Long enough for the batched matrix kernels, which are the ones a compiler gets wrong.
PROMPT = ("The sun rises in the east and sets in the west. " * 40) + "The capital of France is"
READY_SECONDS_MAX = 60
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # Loopback knows no proxy.


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(server, url):
    end = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < end:
        if server.poll() is not None:
            sys.exit(f"llama-server ended with status {server.returncode}")
        try:
            with opener.open(url + "/health", timeout=5) as reply:
                if reply.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit("llama-server did not become ready")


def complete(url):
    body = {"prompt": PROMPT, "n_predict": 32, "temperature": 0, "cache_prompt": False}
    request = urllib.request.Request(url + "/completion", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with opener.open(request, timeout=120) as reply:
        return json.load(reply)


def main():
    binary, model = sys.argv[1:]
    port = free_port()
    server = subprocess.Popen([binary, "-m", model, "--host", "127.0.0.1", "--port", str(port),
                               "-c", "2048", "-np", "1", "-t", str(os.cpu_count())])
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(server, url)
        reply = complete(url)
    finally:
        server.terminate()
        server.wait(30)
    if "Paris" not in reply["content"]:
        sys.exit(f"llama-server babbles: {reply['content']!r}")
    speed = reply["timings"]
    print(f"smoke test passed: {speed['prompt_per_second']:.0f} prompt tokens/s, "
          f"{speed['predicted_per_second']:.0f} generated tokens/s", flush=True)


if __name__ == "__main__":
    main()
