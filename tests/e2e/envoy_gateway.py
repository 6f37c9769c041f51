"""Envoy in front of the cluster: the chart's body-based router, then each pool's endpoint picker.

It is what a gateway controller would make of an HTTPRoute per model: routes match the header that
the router sets, endpoints are the pool's pods, and a request that loses its pod is tried on
another one."""

import http.client
import json
import os
import subprocess
import threading
import time

from node_cluster import ENVOY, free_ports

TYPES = "type.googleapis.com/envoy"
HTTP = f"{TYPES}.extensions.filters.http"
UPSTREAM_TLS = f"{TYPES}.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
DESTINATION = "x-gateway-destination-endpoint"


def address(host, port):
    return {"address": {"socket_address": {"address": host, "port_value": port}}}


def assignment(name, hosts):
    return {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": address(*host)} for host in hosts]}],
    }


def ext_proc(name, cluster, response):
    seen = "SEND" if response else "SKIP"
    return {
        "name": name,
        "typed_config": {
            "@type": f"{HTTP}.ext_proc.v3.ExternalProcessor",
            "grpc_service": {"envoy_grpc": {"cluster_name": cluster}},
            "processing_mode": {
                "request_header_mode": "SEND", "request_body_mode": "FULL_DUPLEX_STREAMED",
                "request_trailer_mode": "SEND", "response_header_mode": seen,
                "response_body_mode": "FULL_DUPLEX_STREAMED" if response else "NONE",
                "response_trailer_mode": seen,
            },
            "metadata_options": {
                "forwarding_namespaces": {"untyped": ["envoy.lb.subset_hint", "envoy.lb"]},
                "receiving_namespaces": {"untyped": ["envoy.lb"]},
            },
        },
    }


def grpc_cluster(name, host, port):
    """Pickers sign their own certificates: TLS without verification, as the protocol asks for."""
    options = f"{TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name, "type": "STATIC", "connect_timeout": "1s",
        "load_assignment": assignment(name, [(host, port)]),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": options, "explicit_http_config": {"http2_protocol_options": {}},
            },
        },
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": UPSTREAM_TLS, "common_tls_context": {"validation_context": {}},
            },
        },
    }


def pool_cluster(name, file):
    policies = f"{TYPES}.extensions.load_balancing_policies"
    key = {"key": "envoy.lb", "path": [{"key": DESTINATION}]}
    served = {"key": "envoy.lb", "path": [{"key": f"{DESTINATION}-served"}]}
    return {
        "name": name, "type": "EDS", "connect_timeout": "0.5s",
        "eds_cluster_config": {"eds_config": {
            "path_config_source": {"path": str(file)}, "resource_api_version": "V3",
        }},
        "load_balancing_policy": {"policies": [{"typed_extension_config": {
            "name": "envoy.load_balancing_policies.override_host",
            "typed_config": {
                "@type": f"{policies}.override_host.v3.OverrideHost",
                "override_host_sources": [{"metadata": key}],
                "selected_host_key": served,
                "fallback_policy": {"policies": [{"typed_extension_config": {
                    "name": "envoy.load_balancing_policies.round_robin",
                    "typed_config": {"@type": f"{policies}.round_robin.v3.RoundRobin"},
                }}]},
            },
        }}]},
    }


def pool_route(model):
    epp = {"@type": f"{HTTP}.ext_proc.v3.ExtProcPerRoute",
           "overrides": {"grpc_service": {"envoy_grpc": {"cluster_name": f"epp-{model}"}}}}
    return {
        "match": {"prefix": "/", "headers": [
            {"name": "x-gateway-model-name", "string_match": {"exact": model}},
        ]},
        "route": {"cluster": model, "timeout": "0s", "retry_policy": {
            "retry_on": "connect-failure,reset,retriable-status-codes", "num_retries": 4,
            "retriable_status_codes": [502, 503],
            "retry_host_predicate": [{
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {"@type": f"{TYPES}.extensions.retry.host.previous_hosts.v3"
                                          ".PreviousHostsPredicate"},
            }],
            "host_selection_retry_max_attempts": 5,
        }},
        "typed_per_filter_config": {"epp": epp},
        "response_headers_to_add": [
            {"header": {"key": "x-served-by", "value": "%UPSTREAM_REMOTE_ADDRESS%"}},
        ],
    }


class EnvoyGateway:
    """One Envoy process of ours on loopback. `models`: {name: address of its picker's Service}."""

    def __init__(self, folder, router, models):
        self._folder = folder
        self.port = free_ports()
        for model in models:
            self.set_endpoints(model, [])
        (folder / "envoy.json").write_text(json.dumps(self._bootstrap(router, models)))
        self._log = open(folder / "envoy.log", "ab")
        self.process = subprocess.Popen(
            [str(ENVOY), "-c", str(folder / "envoy.json"), "--concurrency", "1",
             "--base-id", str(os.getpid() % 30_000), "--log-level", "warning"],
            stdout=self._log, stderr=self._log,
        )

    def _bootstrap(self, router, models):
        manager = {
            "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3"
                     ".HttpConnectionManager",
            "stat_prefix": "inference",
            "route_config": {"virtual_hosts": [
                {"name": "models", "domains": ["*"], "routes": [pool_route(m) for m in models]},
            ]},
            "http_filters": [
                ext_proc("bbr", "bbr", response=False),
                ext_proc("epp", f"epp-{next(iter(models))}", response=True),
                {"name": "envoy.filters.http.router",
                 "typed_config": {"@type": f"{HTTP}.router.v3.Router"}},
            ],
        }
        return {
            "node": {"id": "gateway", "cluster": "gateway"},
            "static_resources": {
                "listeners": [{
                    "name": "inference", **address("127.0.0.1", self.port),
                    "filter_chains": [{"filters": [{
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }]}],
                }],
                "clusters": [
                    grpc_cluster("bbr", router, 9004),
                    *(grpc_cluster(f"epp-{m}", host, 9002) for m, host in models.items()),
                    *(pool_cluster(m, self._endpoints_file(m)) for m in models),
                ],
            },
        }

    def _endpoints_file(self, model):
        return self._folder / f"endpoints-{model}.json"

    def set_endpoints(self, model, addresses):
        """What a gateway reads from the EndpointSlices of a pool. Moved into place: Envoy looks."""
        told = assignment(model, [(each, 5000) for each in addresses])
        told["@type"] = f"{TYPES}.config.endpoint.v3.ClusterLoadAssignment"
        fresh = self._folder / f".endpoints-{model}"
        fresh.write_text(json.dumps({"version_info": str(time.time()), "resources": [told]}))
        fresh.rename(self._endpoints_file(model))

    def ask(self, model, timeout=120):
        """(status, body, address that served it)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps({
                "model": model, "max_tokens": 8,
                "messages": [{"role": "user", "content": "Say hello."}],
            }), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            served = reply.getheader("x-served-by", "").rsplit(":", 1)[0]
            return reply.status, reply.read().decode(), served
        finally:
            connection.close()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self._log.close()


class Askers:
    """Threads that ask each model again and again, until they are stopped; `replies` is all."""

    def __init__(self, gateway, models):
        self.replies = []  # (model, status, body, address)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(gateway, model), daemon=True)
            for model in models for _ in range(2)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, gateway, model):
        while not self._stop.is_set():
            try:
                self.replies.append((model, *gateway.ask(model)))
            except (OSError, http.client.HTTPException) as error:
                self.replies.append((model, 0, repr(error), ""))

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(150)
        return self.replies
