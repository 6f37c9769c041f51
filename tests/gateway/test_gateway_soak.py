"""Mixed requests through `rage gateway` while things change: bodies whole, statuses explained.

Once over HTTP/1.1 with a picker that is killed and stopped, once over HTTP/2 at both ends, where
Envoy is the client and the server, with the gateway's own picker and objects that change.
RAGE_GATEWAY_REQUESTS=10000 for a long run; its counts are printed.
"""

import tempfile
import unittest
from pathlib import Path

import envoy_config as ec
from soak import Soak
from support import (BINARY, Backends, Envoy, ExtProc, Process, call, completion, free_ports,
                     gateway_objects, need_envoy, wait_until)
from test_ext_proc_soak import MIX, Kinds

PICKER = """
---
apiVersion: v1
kind: Service
metadata: {{name: epp, namespace: default}}
spec: {{ports: [{{port: 9002}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: epp
  namespace: default
  labels: {{kubernetes.io/service-name: epp}}
addressType: IPv4
ports: [{{name: "", port: {port}, protocol: TCP}}]
endpoints: [{{addresses: [127.0.0.1], conditions: {{ready: true}}}}]
"""


class Gateway:
    """`rage gateway`, and the file that says what it does."""

    def __init__(self, case, endpoints, pool, objects=""):
        folder = tempfile.TemporaryDirectory(prefix="rage-gateway-")
        case.addClassCleanup(folder.cleanup)
        self.file = Path(folder.name, "world.yaml")
        self.port = free_ports()
        self.world = gateway_objects(
            self.port, endpoints, rule={"retry": {"codes": [503], "attempts": 3}},
            annotations={"rage.dev/picker-transport": "plain"}, pool=pool) + objects
        self.file.write_text(self.world)
        self.process = Process("gateway", [BINARY, "gateway", "--config", folder.name, "--admin",
                                           0, "--workers", 2, "--drain-seconds", 2])
        case.addClassCleanup(self.process.end)
        self.process.first_line()
        wait_until(lambda: call(self.port, body=completion("m")).status == 200, "routed")

    def rewrite(self, world):
        new = self.file.with_suffix(".new")
        new.write_text(world)
        new.rename(self.file)


def addresses(ports):
    return [f"127.0.0.1:{port}" for port in ports]


class OverHttp1(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.backends = Backends(4)
        cls.addClassCleanup(cls.backends.kill)
        cls.epp = ExtProc("epp", "--endpoints", ",".join(addresses(cls.backends.ports)),
                          "--fallbacks", "3", "--enable-grpc-stream-metrics")
        cls.addClassCleanup(cls.epp.end)
        cls.gateway = Gateway(
            cls, addresses(cls.backends.ports),
            {"endpointPickerRef": {"name": "epp", "port": {"number": 9002},
                                   "failureMode": "FailClose"}},
            PICKER.format(port=cls.epp.port))

    def test_nothing_is_corrupted_truncated_or_hangs(self):
        soak = Soak(Kinds(self.gateway.port), MIX)
        soak.run([(0.3, "picker killed", lambda: self.epp.restart("kill")),
                  (0.7, "picker stopped", lambda: self.epp.restart("stop"))])
        soak.check(self)
        key = "llm_d_epp_extproc_streams_inflight"
        wait_until(lambda: self.epp.metrics()[key] == 0, "no stream left")


class OverHttp2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_envoy()
        cls.backends = Backends(4)
        cls.addClassCleanup(cls.backends.kill)
        ports = cls.backends.ports
        cls.behind = Envoy(ec.bootstrap(
            [ec.listener(f"replica-{i}", [], [ec.route(f"replica-{i}")]) for i in range(4)],
            [cls.cluster(f"replica-{i}", port) for i, port in enumerate(ports)]))
        cls.addClassCleanup(cls.behind.kill)
        cls.gateway = Gateway(cls, addresses(cls.behind.ports.values()),
                              {"appProtocol": "kubernetes.io/h2c"})
        cls.before = Envoy(ec.bootstrap(
            [ec.listener("main", [], [ec.route("gateway")])],
            [cls.cluster("gateway", cls.gateway.port, {"http2_protocol_options": {}})]))
        cls.addClassCleanup(cls.before.kill)

    @staticmethod
    def cluster(name, port, protocol=None):
        options = ec.http_options(protocol or {"http_protocol_options": {}})
        return {"name": name, "type": "STATIC", "connect_timeout": "1s",
                "load_assignment": ec.assignment(name, [port]),
                "typed_extension_protocol_options": options}

    def test_nothing_is_corrupted_truncated_or_hangs(self):
        world, rewrite = self.gateway.world, self.gateway.rewrite
        soak = Soak(Kinds(self.before.ports["main"]), MIX)
        soak.run([(0.2, "objects changed", lambda: rewrite(world.replace('ts": 3', 'ts": 4'))),
                  (0.4, "objects wrong", lambda: rewrite(world + "---\nkind: [\n")),
                  (0.6, "objects more", lambda: rewrite(world + PICKER.format(port=1))),
                  (0.8, "objects as before", lambda: rewrite(world))])
        soak.check(self)
        self.assertFalse([what for what in soak.outcomes if what.startswith("objects")],
                         soak.outcomes)


if __name__ == "__main__":
    unittest.main()
