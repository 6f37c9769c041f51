"""The behaviours that the conformance suite of the Gateway API Inference Extension checks, against
a real API server and with real traffic; a test has the ShortName of the suite's, and checks what
that does.

Statuses have to be of the object's latest generation, replies have to come three times in a row.
"""

import math
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from conformance_cluster import (
    APP, CONTROLLER, GATEWAY_ADDRESS, INFRA, PICKER, Conformance, need_cluster, send, service_of,
)
from support import wait_until

PRIMARY_GATEWAY, SECONDARY_GATEWAY = "conformance-primary", "conformance-secondary"
PRIMARY_HOST, SECONDARY_HOST = "primary.example.com", "secondary.example.com"
PRIMARY_POOL, SECONDARY_POOL, DP_POOL = (
    f"{name}-inference-pool" for name in ("primary", "secondary", "dp"))
PRIMARY, SECONDARY, APP_PROTOCOL, DP = (
    f"{name}-inference-model-server" for name in ("primary", "secondary", "appprotocol", "dp"))
SELECT = "test-epp-endpoint-selection"
SERVED = "x-conformance-test-served-endpoint"
IN_A_ROW = 3


class ConformanceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_cluster()
        cls.world = Conformance()
        cls.enterClassContext(cls.world)
        cls.api = cls.world.api

    def setUp(self):
        self.assertEqual(self.world.fallen(), "")

    # -- what tests are made of

    def route(self, name, gateway, rules, hostname=None):
        """An HTTPRoute until the test is over. rules: [(path, [(pool, more of its backendRef)])]"""
        spec = {
            "parentRefs": [{"name": gateway, "namespace": INFRA}],
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": path}}],
                "backendRefs": [{"group": "inference.networking.k8s.io", "kind": "InferencePool",
                                 "name": pool, **more} for pool, more in backends],
            } for path, backends in rules],
        }
        if hostname:
            spec["hostnames"] = [hostname]
        self.addCleanup(self.api.delete, "HTTPRoute", name, APP)
        self.world.create({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                           "metadata": {"name": name}, "spec": spec}, APP)

    def await_condition(self, kind, name, gateway, condition, status, reason):
        """What that gateway says of the object, at its latest generation. Returns the parent."""
        def find():
            document = self.api.get(kind, name, APP)
            for parent in document.get("status", {}).get("parents", []):
                ref = parent["parentRef"]
                if (ref.get("namespace"), ref["name"]) != (INFRA, gateway):
                    continue
                for each in parent["conditions"]:
                    said = (each["type"], each["status"], each["reason"])
                    generation = document["metadata"]["generation"]
                    if said == (condition, status, reason) and (
                            each["observedGeneration"] == generation):
                        return parent
            return None
        return wait_until(find, lambda: (
            f"{kind} {name} has {condition} {status}/{reason} of {gateway}: "
            f"{self.api.get(kind, name, APP).get('status')}"))

    def await_route(self, name, gateway):
        self.await_condition("HTTPRoute", name, gateway, "Accepted", "True", "Accepted")
        self.await_condition("HTTPRoute", name, gateway, "ResolvedRefs", "True", "ResolvedRefs")

    def await_pool(self, pool, gateway):
        self.await_condition("InferencePool", pool, gateway, "ResolvedRefs", "True", "ResolvedRefs")
        return self.await_condition(
            "InferencePool", pool, gateway, "Accepted", "True", "Accepted")

    def await_replies(self, good, *request, seconds=20, in_a_row=IN_A_ROW, **more):
        """So many in a row for which `good` is true; the last of them."""
        deadline, row, reply = time.monotonic() + seconds, 0, None
        while row < in_a_row:
            if time.monotonic() > deadline:
                raise AssertionError(f"after {seconds} s {request} still gets {reply}")
            reply = send(*request, **more)
            row = row + 1 if good(reply) else 0
            if row == 0:
                time.sleep(0.05)
        return reply

    def await_pods(self, pods, *request, **more):
        return self.await_replies(
            lambda reply: reply.status == 200 and reply.pod in pods, *request, **more)

    def await_status(self, statuses, *request, **more):
        self.await_replies(lambda reply: reply.status in statuses, *request, **more)

    def send_many(self, count, concurrency, *request, **more):
        """Replies, every one of them 200."""
        with ThreadPoolExecutor(concurrency) as pool:
            replies = list(pool.map(lambda _: send(*request, **more), range(count)))
        self.assertEqual([reply for reply in replies if reply.status != 200], [])
        return replies

    def selection(self, *pods):
        return {SELECT: ",".join(self.world.ips[pod] for pod in pods)}

    # -- the base resources

    def test_base_resources(self):
        """Lost: whoever waits for a Gateway to be ready (a deployment, the suite) never sees it."""
        def conditions(document):
            return {each["type"]: (each["status"], each["observedGeneration"])
                    for each in document.get("status", {}).get("conditions", [])}
        wait_until(lambda: conditions(self.api.get("GatewayClass", "rage")).get(
            "Accepted") == ("True", 1), "the class is accepted")
        for name in (PRIMARY_GATEWAY, SECONDARY_GATEWAY):
            with self.subTest(name):
                wait_until(lambda name=name: conditions(self.api.get("Gateway", name, INFRA)) == {
                    "Accepted": ("True", 1), "Programmed": ("True", 1)}, "it is programmed")
                self.assertEqual(
                    self.api.get("Gateway", name, INFRA)["status"]["addresses"],
                    [{"type": "IPAddress", "value": GATEWAY_ADDRESS}])

    # -- statuses

    def test_InferencePoolAccepted(self):
        """Lost: a pool's owner cannot see which gateways have taken it, nor whose they are."""
        wait_until(lambda: self.parents(PRIMARY_POOL) == [], "the routes before are forgotten")
        self.route("pool-accepted", PRIMARY_GATEWAY, [("/accepted-test", [(PRIMARY_POOL, {})])])
        self.await_route("pool-accepted", PRIMARY_GATEWAY)
        parent = self.await_pool(PRIMARY_POOL, PRIMARY_GATEWAY)
        self.assertEqual(parent["controllerName"], CONTROLLER)
        self.assertEqual(parent["parentRef"].get("kind", "Gateway"), "Gateway")

    def test_InferencePoolResolvedRefsCondition(self):
        """Lost: a pool says that a gateway uses it which does not any more, or one route's end
        takes another gateway's traffic with it."""
        one = PRIMARY_HOST, "/primary-gateway-test"
        two = SECONDARY_HOST, "/secondary-gateway-test"
        self.route("for-primary-gw", PRIMARY_GATEWAY, [(one[1], [(PRIMARY_POOL, {})])], one[0])
        self.route("for-secondary-gw", SECONDARY_GATEWAY, [(two[1], [(PRIMARY_POOL, {})])], two[0])
        pods = self.world.pods(PRIMARY)
        self.await_route("for-primary-gw", PRIMARY_GATEWAY)
        self.await_route("for-secondary-gw", SECONDARY_GATEWAY)
        self.await_pool(PRIMARY_POOL, PRIMARY_GATEWAY)
        self.await_pool(PRIMARY_POOL, SECONDARY_GATEWAY)
        self.assertEqual(len(self.parents(PRIMARY_POOL)), 2)
        self.await_pods(pods, *one, method="GET")
        self.await_pods(pods, *two, method="GET")

        self.api.delete("HTTPRoute", "for-primary-gw", APP)
        wait_until(lambda: self.parents(PRIMARY_POOL) == [SECONDARY_GATEWAY], "one entry is left")
        self.await_pool(PRIMARY_POOL, SECONDARY_GATEWAY)
        self.await_status([404], *one, method="GET")
        self.await_pods(pods, *two, method="GET")

        self.api.delete("HTTPRoute", "for-secondary-gw", APP)
        wait_until(lambda: self.parents(PRIMARY_POOL) == [], "no entry is left")
        self.await_status([404], *two, method="GET")

    def parents(self, pool):
        status = self.api.get("InferencePool", pool, APP).get("status", {})
        return [parent["parentRef"]["name"] for parent in status.get("parents", [])]

    def test_InferencePoolInvalidEPPService(self):
        """Lost: a mistyped picker looks like a working pool, or requests go where nobody picked."""
        pool, path = "pool-with-invalid-epp", "/invalid-epp-test"
        self.new_pool(pool, {"name": "non-existent-epp-svc", "port": {"number": 9002}})
        self.route("for-invalid-epp-pool", PRIMARY_GATEWAY, [(path, [(pool, {})])])
        self.await_route("for-invalid-epp-pool", PRIMARY_GATEWAY)
        self.await_condition("InferencePool", pool, PRIMARY_GATEWAY,
                             "ResolvedRefs", "False", "InvalidExtensionRef")
        for method in ("GET", "POST"):
            self.await_status(range(500, 505), PRIMARY_HOST, path, method=method)

    def new_pool(self, name, picker):
        self.addCleanup(self.api.delete, "InferencePool", name, APP)
        self.world.create_pool(name, PRIMARY, [3000], picker)

    def test_InferencePoolMissingEPPRef(self):
        """Lost: a pool without a picker takes its route down, or is neither accepted nor refused.
        Ours is accepted, and the gateway picks itself."""
        pool, path = "pool-with-missing-epp-ref", "/missing-epp-ref-test"
        self.new_pool(pool, None)
        self.route("for-missing-epp-ref-pool", PRIMARY_GATEWAY, [(path, [(pool, {})])])
        self.await_route("for-missing-epp-ref-pool", PRIMARY_GATEWAY)
        self.await_pool(pool, PRIMARY_GATEWAY)
        self.await_pods(self.world.pods(PRIMARY), PRIMARY_HOST, path)

    def test_HTTPRouteInvalidInferencePoolRef(self):
        """Lost: a route to a pool that is not there looks fine, and its clients wonder."""
        self.route("to-non-existent-pool", PRIMARY_GATEWAY,
                   [("/non-existent-pool-test", [("non-existent-pool", {})])])
        for condition in (("Accepted", "True", "Accepted"),
                          ("ResolvedRefs", "False", "BackendNotFound")):
            self.await_condition(
                "HTTPRoute", "to-non-existent-pool", PRIMARY_GATEWAY, *condition)
        self.await_status([500], PRIMARY_HOST, "/non-existent-pool-test")

    # -- which pool

    def test_InferencePoolHTTPRoutePortValidation(self):
        """Lost: a port in a backendRef, which has no meaning for a pool, breaks the route."""
        for name, port in (("unspecified", {}), ("matching", {"port": 3000}),
                           ("non-matching", {"port": 8888})):
            with self.subTest(name):
                host, path = f"port-{name}.example.com", f"/test-port-{name}"
                self.route(f"port-{name}", PRIMARY_GATEWAY, [(path, [(PRIMARY_POOL, port)])], host)
                self.await_route(f"port-{name}", PRIMARY_GATEWAY)
                self.await_pool(PRIMARY_POOL, PRIMARY_GATEWAY)
                self.await_pods(self.world.pods(PRIMARY), host, path, method="GET")

    def test_HTTPRouteMultipleRulesDifferentPools(self):
        """Lost: the second rule of a route asks the first one's picker: pods of the wrong model."""
        cases = {"/primary-pool-test": (PRIMARY_POOL, PRIMARY),
                 "/secondary-pool-test": (SECONDARY_POOL, SECONDARY)}
        self.route("multiple-rules", PRIMARY_GATEWAY,
                   [(path, [(pool, {})]) for path, (pool, _) in cases.items()])
        self.await_route("multiple-rules", PRIMARY_GATEWAY)
        for path, (pool, app) in cases.items():
            self.await_pool(pool, PRIMARY_GATEWAY)
            for method in ("GET", "POST"):
                self.await_pods(self.world.pods(app), PRIMARY_HOST, path, method=method)
                self.assert_pods(self.world.pods(app), PRIMARY_HOST, path, method=method)

    def assert_pods(self, pods, *request, count=20, **more):
        seen = {reply.pod for reply in self.send_many(count, 10, *request, **more)}
        self.assertLessEqual(seen, set(pods))
        return seen

    def test_HTTPRouteMultipleGatewaysDifferentPools(self):
        """Lost: what one Gateway serves leaks to the clients of another."""
        cases = {
            PRIMARY_HOST: (PRIMARY_GATEWAY, PRIMARY_POOL, PRIMARY, "/test-primary-gateway"),
            SECONDARY_HOST: (
                SECONDARY_GATEWAY, SECONDARY_POOL, SECONDARY, "/test-secondary-gateway"),
        }
        for host, (gateway, pool, _, path) in cases.items():
            self.route(f"{gateway}-route", gateway, [(path, [(pool, {})])], host)
        for host, (gateway, pool, app, path) in cases.items():
            self.await_route(f"{gateway}-route", gateway)
            self.await_pool(pool, gateway)
            self.await_pods(self.world.pods(app), host, path, method="GET")
            self.assert_pods(self.world.pods(app), host, path)
        self.assertEqual(send(SECONDARY_HOST, "/test-primary-gateway").status, 404)
        self.assertEqual(send(PRIMARY_HOST, "/test-secondary-gateway").status, 404)

    def test_GatewayWeightedAcrossTwoInferencePools(self):
        """Lost: a canary that should have 30 % of the traffic has all or nothing of it."""
        path, weight, count = "/weighted-two-pools-test", 0.7, 200
        backends = [(PRIMARY_POOL, {"weight": 70}), (SECONDARY_POOL, {"weight": 30})]
        self.route("weighted-two-pools", PRIMARY_GATEWAY, [(path, backends)], PRIMARY_HOST)
        self.await_route("weighted-two-pools", PRIMARY_GATEWAY)
        for pool in (PRIMARY_POOL, SECONDARY_POOL):
            self.await_pool(pool, PRIMARY_GATEWAY)
        # Both pickers get the list of all; each finds those of its own pool in it.
        ones, others = self.world.pods(PRIMARY), self.world.pods(SECONDARY)
        request = {"headers": self.selection(*ones, *others)}
        self.await_pods(ones + others, PRIMARY_HOST, path, **request)
        replies = self.send_many(count, 5, PRIMARY_HOST, path, **request)
        share = sum(reply.pod in ones for reply in replies) / count
        self.assertEqual([reply for reply in replies if reply.pod not in ones + others], [])
        tolerance = max(0.10, 4.5 * math.sqrt(weight * (1 - weight) / count))
        self.assertAlmostEqual(share, weight, delta=tolerance)

    # -- which endpoint

    def test_GatewayFollowingEPPRouting(self):
        """Lost: the picker's choice, and with it every cache hit it has planned."""
        path, pods = "/primary-gateway-test", self.world.pods(PRIMARY)
        self.route("following-epp", PRIMARY_GATEWAY, [(path, [(PRIMARY_POOL, {})])], PRIMARY_HOST)
        self.await_route("following-epp", PRIMARY_GATEWAY)
        self.await_pool(PRIMARY_POOL, PRIMARY_GATEWAY)
        for pod in pods:
            self.await_pods([pod], PRIMARY_HOST, path, headers=self.selection(pod))
        for chosen in (pods[2:], pods[:2], pods):
            with self.subTest(chosen):
                seen = self.assert_pods(
                    chosen, PRIMARY_HOST, path, count=100, headers=self.selection(*chosen))
                self.assertEqual(seen, set(chosen), "nobody is left out")

    def test_GatewayFollowingEPPRoutingWithDataParallelism(self):
        """Lost: with several ranks in a pod a request reaches another than the picker chose."""
        path, pods = "/primary-gateway-dp-test", self.world.pods(DP)
        ports = {"3000", "3002", "3004"}
        self.route("following-epp-dp", PRIMARY_GATEWAY, [(path, [(DP_POOL, {})])], PRIMARY_HOST)
        self.await_route("following-epp-dp", PRIMARY_GATEWAY)
        self.await_pool(DP_POOL, PRIMARY_GATEWAY)
        for pod in pods:
            self.await_pods([pod], PRIMARY_HOST, path, headers=self.selection(pod))
        cases = [
            {pods[1]: ports},
            {pods[0]: ports, pods[2]: {"3002"}},
            {pods[0]: ports, pods[1]: {"3000", "3004"}, pods[2]: ports},
        ]
        for allowed in cases:
            with self.subTest(allowed):
                entries = [self.world.ips[pod] if its == ports else f"{self.world.ips[pod]}:{port}"
                           for pod, its in allowed.items() for port in sorted(its)]
                replies = self.send_many(100, 10, PRIMARY_HOST, path,
                                         headers={SELECT: ",".join(dict.fromkeys(entries))})
                seen = {(reply.pod, reply.echo["httpPort"]) for reply in replies}
                self.assertEqual(
                    seen, {(pod, port) for pod, its in allowed.items() for port in its})

    def test_GatewayDestinationEndpointServed(self):
        """Lost: pickers do not hear which endpoint has answered, and count load where none is."""
        path = "/destination-endpoint-served-test"
        self.route("endpoint-served", PRIMARY_GATEWAY, [(path, [(PRIMARY_POOL, {})])], PRIMARY_HOST)
        self.await_route("endpoint-served", PRIMARY_GATEWAY)
        self.await_pool(PRIMARY_POOL, PRIMARY_GATEWAY)
        for pod in self.world.pods(PRIMARY):
            reply = self.await_pods([pod], PRIMARY_HOST, path, headers=self.selection(pod))
            self.assertEqual(reply.headers[SERVED], f"{self.world.ips[pod]}:3000")

    def test_InferencePoolAppProtocol(self):
        """Lost: model servers that speak only HTTP/2, or only HTTP/1.1, are not reached."""
        cases = {
            "h2c": ("appprotocol-h2c-inference-pool", APP_PROTOCOL, "3001", "HTTP/2.0"),
            "http": ("appprotocol-http-inference-pool", APP_PROTOCOL, "3000", "HTTP/1.1"),
            "default": (PRIMARY_POOL, PRIMARY, "3000", "HTTP/1.1"),
        }
        for name, (pool, app, port, protocol) in cases.items():
            host, path = f"appprotocol-{name}.example.com", f"/inferencepool-app-protocol-{name}"
            self.route(f"appprotocol-{name}", PRIMARY_GATEWAY, [(path, [(pool, {})])], host)
            self.await_route(f"appprotocol-{name}", PRIMARY_GATEWAY)
            self.await_pool(pool, PRIMARY_GATEWAY)
            for pod in self.world.pods(app):
                with self.subTest(name, pod=pod):
                    endpoint = f"{self.world.ips[pod]}:{port}"
                    reply = self.await_pods([pod], host, path, headers={SELECT: endpoint})
                    self.assertEqual(reply.headers[SERVED], endpoint)
                    self.assertEqual(
                        (reply.echo["proto"], reply.echo["httpPort"]), (protocol, port))

    # -- without a picker

    def test_EppUnAvailableFailOpen(self):
        """Lost: an outage of the picker is one of the models, for pools that asked to fail open;
        and for those that did not, requests go where nobody has sent them."""
        if PICKER == "own":
            self.skipTest("a picker in the gateway does not fail alone")
        host, path, pods = SECONDARY_HOST, "/failopen-pool-test", self.world.pods(SECONDARY)
        self.route("failopen", SECONDARY_GATEWAY, [(path, [(SECONDARY_POOL, {})])], host)
        self.route("failclose", SECONDARY_GATEWAY, [("/failclose", [(PRIMARY_POOL, {})])], host)
        self.await_route("failopen", SECONDARY_GATEWAY)
        self.await_pool(SECONDARY_POOL, SECONDARY_GATEWAY)
        pinned = self.selection(pods[0])
        self.await_pods(pods[:1], host, path, headers=pinned)
        self.await_pods(self.world.pods(PRIMARY), host, "/failclose")

        self.stop_picker(SECONDARY_POOL)
        self.stop_picker(PRIMARY_POOL)
        before = self.world.picks_failed_open()
        # Three in a row say that nothing fails; the counter, that nobody was asked any more.
        wait_until(lambda: self.await_pods(pods, host, path, headers=pinned) and
                   self.world.picks_failed_open() >= before + IN_A_ROW, "nobody is asked")
        self.assert_pods(pods, host, path, headers=pinned)
        self.assert_pods(pods, host, path, method="GET")
        self.await_status([503], host, "/failclose")

        self.start_picker(SECONDARY_POOL)
        # So many do not come from one pod of three by chance.
        self.await_pods(pods[:1], host, path, headers=pinned, in_a_row=12)
        self.assert_pods(pods[:1], host, path, headers=pinned)

    def stop_picker(self, pool):
        """As the suite does: its Service selects no pod any more, and the cluster does the rest."""
        self.addCleanup(self.start_picker, pool)
        self.select(pool, "nothing")
        wait_until(lambda: not self.world.endpoints_of_service(service_of(pool)), "no endpoint")

    def start_picker(self, pool):
        self.select(pool, f"{pool}-epp")
        wait_until(lambda: self.world.endpoints_of_service(service_of(pool)), "an endpoint")

    def select(self, pool, app):
        self.api.patch("Service", service_of(pool), {"spec": {"selector": {"app": app}}}, APP)


if __name__ == "__main__":
    unittest.main()
