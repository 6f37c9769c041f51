"""A pool of four model servers behind Envoy, BBR and the real scheduler, while replicas die.

What a user would lose: a request that reached the model changed, an answer cut short, a request
that hangs because its replica went. RAGE_GATEWAY_REQUESTS=10000 for a long run.
"""

import hashlib
import json
import re
import tempfile
import time
import unittest
from pathlib import Path

import envoy_config as ec
from soak import TIMEOUT, Corrupted, Soak, abandon
from support import Envoy, ExtProc, SimModel, call, need_envoy, wait_until, write_pool

REPLICAS = 4
# Time passes fifty times as fast for the models; a prompt may be 2 MB.
SIM = ("--model base --adapter sql --max-loras 1 --context 600000 --num-gpu-blocks 120000 "
       "--prefill-tokens-per-second 100000 --time-scale 50").split()
PICKER = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
- type: lora-affinity-scorer
- type: max-score-picker
  parameters: {maxNumOfEndpoints: 3}
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
  - {pluginRef: lora-affinity-scorer, weight: 1}
  - {pluginRef: max-score-picker}
"""
WORDS = ("a conference on free software has talks on kernels storage networks and people who "
         "answer questions in the hallway ").split()


class Kinds:
    """Each does one request; what it returns is the outcome if all is well."""

    def __init__(self, port):
        self.port = port

    def ask(self, rng, size, path="/v1/completions", **more):
        """Prompts begin alike, in twenty ways, and end differently."""
        head = " ".join(WORDS[rng.randrange(20) % len(WORDS):])
        tail = f" {rng.getrandbits(64)} " + "x" * rng.randrange(1, size)
        prompt = head * (size // (4 * len(head)) + 1) + tail
        chat = {"messages": [{"role": "user", "content": prompt}]}
        ask = chat if "chat" in path else {"prompt": prompt}
        body = json.dumps({"model": rng.choice(["base", "base", "sql"]), "max_tokens": 12,
                           "ignore_eos": True, **ask, **more}).encode()
        reply = call(self.port, path=path, body=body, timeout=TIMEOUT,
                     headers={"content-type": "application/json"})
        if reply.status == 200:
            came = reply.headers["x-sim-body-sha256"]
            if came != hashlib.sha256(body).hexdigest():
                raise Corrupted(f"{len(body)} bytes reached the model changed")
        return reply

    def whole(self, reply, text_of):
        if reply.status == 200:
            answer = json.loads(reply.body)
            tokens = answer["usage"]["completion_tokens"]
            if tokens != 12 or not self.is_text(answer, text_of(answer)):
                raise Corrupted(reply.body)
        return reply.status

    @staticmethod
    def is_text(answer, text):
        return text.startswith(f"[{answer['model']} {answer['id']}]") and len(text) > 40

    def small(self, rng):
        return self.whole(self.ask(rng, 2000), lambda a: a["choices"][0]["text"]), "small"

    def chat(self, rng):
        reply = self.ask(rng, 8000, "/v1/chat/completions")
        return self.whole(reply, lambda a: a["choices"][0]["message"]["content"]), "chat"

    def large(self, rng):
        return self.whole(self.ask(rng, 1_000_000), lambda a: a["choices"][0]["text"]), "about 1 MB"

    def stream(self, rng):
        reply = self.ask(rng, 3000, "/v1/chat/completions", stream=True,
                         stream_options={"include_usage": True})
        if reply.status == 200:
            events = [e.removeprefix("data: ") for e in reply.body.decode().split("\n\n") if e]
            chunks = [json.loads(e) for e in events[:-1]]
            text = "".join(c["choices"][0]["delta"].get("content", "")
                           for c in chunks if c["choices"])
            usage = [c["usage"] for c in chunks if c.get("usage")]
            whole = (events[-1] == "[DONE]" and self.is_text(chunks[0], text)
                     and [u["completion_tokens"] for u in usage] == [12])
            if not whole:
                raise Corrupted(reply.body[-300:])
        return reply.status, "stream"

    def models(self, _rng):
        reply = call(self.port, "GET", "/v1/models", timeout=TIMEOUT)
        if reply.status == 200:
            if {m["id"] for m in json.loads(reply.body)["data"]} != {"base", "sql"}:
                raise Corrupted(reply.body)
        return reply.status, "header-only"

    def unknown_model(self, _rng):
        body = json.dumps({"model": "nobody", "prompt": "a"}).encode()
        status = call(self.port, path="/v1/completions", body=body, timeout=TIMEOUT).status
        return (200 if status == 404 else status), "no such model (404)"

    def leave(self, rng):
        body = json.dumps({"model": "base", "prompt": "a" * 99_000, "stream": True}).encode()
        sent = body[: rng.randrange(90_000)] if rng.random() < 0.5 else body.ljust(100_000)
        abandon(self.port, b"/v1/completions", sent, rng.random() * 0.05)
        return 200, "client left"


MIX = {"small": 40, "chat": 15, "large": 6, "stream": 20, "models": 8, "unknown_model": 2,
       "leave": 6}


class PoolSoak(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_envoy()
        cls.replicas = [SimModel(f"sim-{i}", *SIM) for i in range(REPLICAS)]
        cls.folder = tempfile.TemporaryDirectory(prefix="rage-pool-")
        cls.addClassCleanup(cls.folder.cleanup)
        ports = [replica.port for replica in cls.replicas]
        cls.pool = write_pool(Path(cls.folder.name) / "pool.yaml", ports)
        cls.bbr = ExtProc("bbr", "--enable-grpc-stream-metrics", tls=True)
        cls.epp = ExtProc("epp", "--endpoints-file", cls.pool, "--config-text", PICKER,
                          "--enable-grpc-stream-metrics")
        retry = {"retry_policy": {"retry_on": "5xx,connect-failure,reset", "num_retries": 3}}
        listener = ec.listener("main", [ec.ext_proc("bbr", "bbr", ec.ALL_DUPLEX),
                                        ec.ext_proc("epp", "epp", ec.ALL_DUPLEX)],
                               [ec.route("pool", **retry)])
        cls.envoy = Envoy(ec.bootstrap([listener], [
            ec.backends("pool", ports), ec.processor("bbr", cls.bbr.port, tls=True),
            ec.processor("epp", cls.epp.port)]))

    @classmethod
    def tearDownClass(cls):
        cls.envoy.kill()
        codes = [cls.bbr.stop(), cls.epp.stop(), *(replica.stop() for replica in cls.replicas)]
        if any(codes):
            raise AssertionError(f"{codes}\n{cls.bbr.log()}{cls.epp.log()}")

    def kill_replica(self, number, how="kill"):
        port = self.replicas[number].port
        getattr(self.replicas[number], how)()
        time.sleep(0.5)  # Some requests must meet the gap.
        self.replicas[number] = SimModel(f"sim-{number}", *SIM, port=port)

    def test_nothing_is_corrupted_truncated_or_hangs(self):
        soak = Soak(Kinds(self.envoy.ports["main"]), MIX)
        soak.run([(0.15, "replica killed", lambda: self.kill_replica(0)),
                  (0.35, "picker killed", lambda: self.epp.restart("kill")),
                  (0.55, "replica killed", lambda: self.kill_replica(1)),
                  (0.70, "picker stopped", lambda: self.epp.restart("stop")),
                  (0.85, "replica killed", lambda: self.kill_replica(2))])
        soak.check(self)
        key = "llm_d_epp_extproc_streams_inflight"
        wait_until(lambda: self.epp.metrics()[key] == 0, "no stream left")
        wait_until(lambda: all(self.running(r) == 0 for r in self.replicas), "all replicas idle")
        self.assertEqual(self.envoy.counter("spurious_msgs_received"), 0)

    @staticmethod
    def running(replica):
        text = call(replica.port, "GET", "/metrics").body.decode()
        return float(re.search(r"^vllm:num_requests_running\{.*\} (\S+)$", text, re.M)[1])


if __name__ == "__main__":
    unittest.main()
