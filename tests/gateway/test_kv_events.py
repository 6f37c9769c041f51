"""Routing by what engines say of their KV caches; publishers as vLLM has them."""

import http.client
import json
import re
import socket
import struct
import tempfile
import threading
import time
import unittest
from pathlib import Path

import support

PICKER = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: endpoint-notification-source
- type: precise-prefix-cache-producer
  name: precise
  parameters:
    tokenProcessorConfig: {{blockSizeTokens: 4}}
    kvEventsConfig: {{discoverPods: true, podDiscoveryConfig: {{socketPort: {port}}}}}
- type: prefix-cache-scorer
- type: max-score-picker
schedulingProfiles:
- name: default
  plugins: [{{pluginRef: prefix-cache-scorer}}, {{pluginRef: max-score-picker}}]
dataLayer:
  sources: [{{pluginRef: endpoint-notification-source, extractors: [{{pluginRef: precise}}]}}]
"""


def packed(value):
    """MessagePack of what events are made of."""
    if value is None:
        return b"\xc0"
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, int):
        return b"\xcf" + struct.pack(">Q", value)
    if isinstance(value, str):
        return b"\xda" + struct.pack(">H", len(value)) + value.encode()
    return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(packed, value))


class Publisher:
    """The PUB side of ZMTP 3.0, for one subscriber at a time."""

    def __init__(self, address, port=0):
        self.listener = socket.create_server((address, port))
        self.port = self.listener.getsockname()[1]
        self.sequence = 0
        self.subscribers = 0
        self.connection = None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
            connection.sendall(greeting)
            self.read(connection, 64)
            connection.sendall(b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB")
            self.read_frame(connection)  # READY
            assert self.read_frame(connection) == b"\x01kv@"
            self.connection = connection
            self.subscribers += 1

    @staticmethod
    def read(connection, size):
        data = b""
        while len(data) < size:
            piece = connection.recv(size - len(data))
            if not piece:
                raise OSError("gone")
            data += piece
        return data

    def read_frame(self, connection):
        return self.read(connection, self.read(connection, 2)[1])

    def publish(self, *events, skip=0):
        self.sequence += 1 + skip
        frames = [b"kv@pod@base", struct.pack(">Q", self.sequence),
                  packed([0.0, list(events), None])]
        data = b""
        for i, frame in enumerate(frames):
            more = 1 if i + 1 < len(frames) else 0
            data += bytes([more | 2]) + struct.pack(">Q", len(frame)) + frame
        self.connection.sendall(data)

    def stored(self, hashes, tokens, parent=None):
        self.publish(["BlockStored", hashes, parent, tokens, 4, None, "GPU"])

    def drop(self):
        self.connection.close()
        self.connection = None


class TwoPods(unittest.TestCase):
    @classmethod
    def start_pod(cls, number, address, *flags):
        process, line = cls.start(
            "sim-model", "--model", "base", "--name", f"pod-{number}", "--port", 0,
            "--address", address, "--decode-base-ms", 1, *flags)
        return process, re.search(r"//([\d.:]+)", line)[1]

    @classmethod
    def start_gateway(cls, endpoints, kv_port):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.port = support.free_ports()
        Path(cls.folder.name, "world.yaml").write_text(
            support.gateway_objects(cls.port, endpoints))
        picker = Path(cls.folder.name, "picker.cfg")
        picker.write_text(PICKER.format(port=kv_port))
        cls.start("gateway", "--config", cls.folder.name, "--picker-config", picker, "--admin", 0,
                  "--drain-seconds", 1)

    @classmethod
    def start(cls, *command):
        process = support.Process(command[0], [support.BINARY, *command])
        cls.addClassCleanup(process.end)
        return process, process.first_line()

    def ask(self, port, prompt):
        body = json.dumps({"model": "base", "prompt": prompt, "max_tokens": 1}).encode()
        reply = support.call(port, path="/v1/completions", body=body)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.headers["x-sim-name"]

    def who_answers(self, prompt, times=12):
        return {self.ask(self.port, prompt) for _ in range(times)}

    def eventually(self, prompt, names):
        support.wait_until(lambda: self.who_answers(prompt) == names, f"{names} answer", 10)


class KvEvents(TwoPods):
    """What publishers of our own say, while the pods say nothing."""

    @classmethod
    def setUpClass(cls):
        cls.publishers = [Publisher("127.0.0.2")]
        cls.publishers.append(Publisher("127.0.0.3", cls.publishers[0].port))
        pods = [cls.start_pod(i, f"127.0.0.{i + 2}") for i in range(2)]
        cls.start_gateway([address for _, address in pods], cls.publishers[0].port)
        for publisher in cls.publishers:
            support.wait_until(lambda: publisher.connection, "the gateway listens")

    def test_requests_go_where_their_prompt_is_cached(self):
        first, second = self.publishers
        prompt = list(range(100, 113))
        first.stored([1, 2], prompt[:8])
        first.stored([3], prompt[8:12], parent=2)
        self.eventually(prompt, {"pod-0"})
        # Another engine has more of another prompt.
        other = prompt[:4] + [7] * 8
        second.stored([11, 12, 13], other)
        self.eventually(other + [1], {"pod-1"})
        self.assertEqual(self.who_answers(prompt), {"pod-0"})
        # What is gone does not count.
        second.stored([14, 15], prompt[4:12], parent=11)
        first.publish(["BlockRemoved", [2], "GPU"])
        self.eventually(prompt, {"pod-1"})
        second.publish(["AllBlocksCleared"])
        self.eventually(prompt, {"pod-0"})

    def test_a_gap_makes_an_engine_unknown(self):
        prompt = list(range(500, 513))
        second = self.publishers[1]
        second.stored([21, 22, 23], prompt[:12])
        self.eventually(prompt, {"pod-1"})
        second.publish(["Unheard"], skip=3)
        self.eventually(prompt, {"pod-0", "pod-1"})
        second.stored([24, 25, 26], prompt[:12])
        self.eventually(prompt, {"pod-1"})

    def test_a_publisher_that_comes_back_is_listened_to_again(self):
        first = self.publishers[0]
        before = first.subscribers
        first.drop()
        support.wait_until(lambda: first.subscribers > before, "the gateway is back", 20)
        prompt = list(range(900, 909))
        first.stored([31, 32], prompt[:8])
        self.eventually(prompt, {"pod-0"})

    def test_nonsense_changes_nothing(self):
        first = self.publishers[0]
        prompt = list(range(700, 709))
        first.connection.sendall(b"\x01\x03kv@\x01\x08" + bytes(8) + b"\x00\x02\xc1\xc1")
        first.stored([41, 42], prompt[:8])
        self.eventually(prompt, {"pod-0"})


class SimModels(TwoPods):
    """What `rage sim-model` says itself."""

    @classmethod
    def setUpClass(cls):
        small = ("--block-size", 4, "--num-gpu-blocks", 32, "--context", 100)
        process, address = cls.start_pod(0, "127.0.0.4", "--kv-events-port", 0, *small)
        kv_port = int(process.first_line().rsplit(" ", 1)[1])
        cls.pods = [address, cls.start_pod(1, "127.0.0.5", "--kv-events-port", kv_port, *small)[1]]
        cls.start_gateway(cls.pods, kv_port)

    def tell(self, pod, prompt):
        """Asks a pod behind the gateway's back."""
        host, port = self.pods[pod].split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        connection.request("POST", "/v1/completions", json.dumps(
            {"model": "base", "prompt": prompt, "max_tokens": 1}))
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

    def test_prompts_are_found_where_they_are_and_not_where_they_were(self):
        beginning = 0

        # A request that is faster than the news goes anywhere, and is cached there: then once more.
        def works():
            nonlocal beginning
            beginning += 10_000
            kept = list(range(beginning, beginning + 41))
            self.tell(0, kept)
            time.sleep(0.1)
            if self.who_answers(kept) != {"pod-0"}:
                return False
            for i in range(6):  # Each takes 20 of its 32 blocks.
                self.tell(0, list(range(beginning + 1000 + 100 * i, beginning + 1080 + 100 * i)))
            self.tell(1, kept)
            time.sleep(0.1)
            return self.who_answers(kept) == {"pod-1"}

        support.wait_until(works, "prompts are found", 60)


if __name__ == "__main__":
    unittest.main()
