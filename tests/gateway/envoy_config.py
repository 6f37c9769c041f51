"""Configurations of a real Envoy 1.40 with our servers as external processors."""

EXT = "type.googleapis.com/envoy.extensions"
ALL_DUPLEX = {
    "request_header_mode": "SEND", "response_header_mode": "SEND",
    "request_body_mode": "FULL_DUPLEX_STREAMED", "response_body_mode": "FULL_DUPLEX_STREAMED",
    "request_trailer_mode": "SEND", "response_trailer_mode": "SEND",
}
REQUEST_DUPLEX = {
    **ALL_DUPLEX, "response_header_mode": "SKIP", "response_body_mode": "NONE",
    "response_trailer_mode": "SKIP",
}


def simple_mode(body_mode):
    """A mode without trailers: what Envoy's other body modes want."""
    return {"request_header_mode": "SEND", "response_header_mode": "SEND",
            "request_body_mode": body_mode, "response_body_mode": body_mode,
            "request_trailer_mode": "SKIP", "response_trailer_mode": "SKIP"}


def ext_proc(name, cluster, mode, **more):
    """`max_receive_message_length`: what is larger than 64 KiB would fail, as it does with GKE."""
    grpc = {"cluster_name": cluster, "authority": name}
    if mode["request_body_mode"] == "FULL_DUPLEX_STREAMED":
        grpc["max_receive_message_length"] = 65536
    return {"name": name, "typed_config": {
        "@type": f"{EXT}.filters.http.ext_proc.v3.ExternalProcessor",
        "grpc_service": {"envoy_grpc": grpc},
        "message_timeout": "20s",
        "processing_mode": mode,
        "metadata_options": {
            "forwarding_namespaces": {"untyped": ["envoy.lb.subset_hint", "envoy.lb"]},
            "receiving_namespaces": {"untyped": ["envoy.lb"]}},
        **more}}


def subset(endpoints):
    return {"name": "subset", "typed_config": {
        "@type": f"{EXT}.filters.http.set_metadata.v3.Config",
        "metadata": [{"metadata_namespace": "envoy.lb.subset_hint", "allow_overwrite": True,
                      "value": {"x-gateway-destination-endpoint-subset": endpoints}}]}}


def route(cluster, prefix="/", headers=(), **more):
    return {"match": {"prefix": prefix, "headers": list(headers)},
            "route": {"cluster": cluster, "timeout": "0s", **more}}


def model_is(name):
    return {"name": "x-gateway-model-name", "string_match": {"exact": name}}


def listener(name, filters, routes, **more):
    router = {"name": "envoy.filters.http.router", "typed_config": {
        "@type": f"{EXT}.filters.http.router.v3.Router", "suppress_envoy_headers": True}}
    manager = {
        "@type": f"{EXT}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name, "codec_type": "AUTO", "request_timeout": "0s",
        "stream_idle_timeout": "0s",
        "http_protocol_options": {"enable_trailers": True},
        "route_config": {"name": name, "virtual_hosts": [
            {"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [*filters, router]}
    return {"name": name,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager}]}], **more}


def assignment(name, ports):
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": p}}}}
        for p in ports]}]}


def http_options(explicit):
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": f"{EXT}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": explicit}}


def backends(name, ports, **more):
    """Envoy follows the picker's list and tells it who served."""
    key = "x-gateway-destination-endpoint"
    policy = {"name": "envoy.load_balancing_policies.override_host", "typed_config": {
        "@type": f"{EXT}.load_balancing_policies.override_host.v3.OverrideHost",
        "override_host_sources": [{"metadata": {"key": "envoy.lb", "path": [{"key": key}]}}],
        "selected_host_key": {"key": "envoy.lb", "path": [{"key": key + "-served"}]},
        "fallback_policy": {"policies": [{"typed_extension_config": {
            "name": "envoy.load_balancing_policies.round_robin", "typed_config": {
                "@type": f"{EXT}.load_balancing_policies.round_robin.v3.RoundRobin"}}}]}}}
    return {"name": name, "type": "STATIC", "connect_timeout": "0.5s",
            "load_balancing_policy": {"policies": [{"typed_extension_config": policy}]},
            "typed_extension_protocol_options": http_options(
                {"http_protocol_options": {"enable_trailers": True}}),
            "circuit_breakers": {"thresholds": [
                {"max_connections": 4096, "max_requests": 4096, "max_retries": 1024,
                 "max_pending_requests": 4096}]},
            "load_assignment": assignment(name, ports), **more}


def original_destination(name, by):
    config = {"header": {"use_http_header": True,
                         "http_header_name": "x-gateway-destination-endpoint"},
              "metadata": {"metadata_key": {
                  "key": "envoy.lb", "path": [{"key": "x-gateway-destination-endpoint"}]}}}[by]
    return {"name": name, "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED",
            "connect_timeout": "2s", "original_dst_lb_config": config}


def processor(name, port, tls=False, health=""):
    cluster = {"name": name, "type": "STATIC", "connect_timeout": "1s",
               "load_assignment": assignment(name, [port]),
               "circuit_breakers": {"thresholds": [
                   {"max_connections": 4096, "max_requests": 8192,
                    "max_pending_requests": 8192}]},
               "typed_extension_protocol_options": http_options({"http2_protocol_options": {}})}
    if tls:
        cluster["transport_socket"] = {
            "name": "envoy.transport_sockets.tls", "typed_config": {
                "@type": f"{EXT}.transport_sockets.tls.v3.UpstreamTlsContext",
                "common_tls_context": {"validation_context": {}}}}
    if health:
        cluster["health_checks"] = [{
            "timeout": "2s", "interval": "1s", "no_traffic_interval": "1s",
            "reuse_connection": True, "unhealthy_threshold": 1, "healthy_threshold": 1,
            "grpc_health_check": {"service_name": health},
            **({"tls_options": {"alpn_protocols": ["h2"]}} if tls else {})}]
    return cluster


def bootstrap(listeners, clusters):
    return {"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {"listeners": listeners, "clusters": clusters}}
