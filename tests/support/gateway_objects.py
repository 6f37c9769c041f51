"""What `rage gateway --config` reads: a Gateway, a route that takes everything, and its pool."""

import json


def gateway_objects(port, endpoints, rule=None, annotations=None, pool=None):
    """YAML. `endpoints`: addresses with ports; `rule`, `annotations` and `pool`: more for the
    route's rule, the pool's annotations and its spec."""
    backend = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "pool"}
    objects = [
        ("gateway.networking.k8s.io/v1", "GatewayClass", "rage",
         {"controllerName": "rage.dev/gateway"}),
        ("gateway.networking.k8s.io/v1", "Gateway", "models",
         {"gatewayClassName": "rage",
          "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}]}),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", "models",
         {"parentRefs": [{"name": "models"}],
          "rules": [{"backendRefs": [backend], **(rule or {})}]}),
        ("inference.networking.k8s.io/v1", "InferencePool", "pool",
         {"selector": {"matchLabels": {"app": "pool"}}, "targetPorts": [{"number": 8000}],
          **(pool or {})}),
    ]
    metadata = {
        "GatewayClass": {},
        "InferencePool": {"namespace": "default", "annotations": {
            "rage.dev/endpoints": ",".join(endpoints), **(annotations or {})}},
    }
    return "".join("---\n" + json.dumps({
        "apiVersion": version, "kind": kind, "spec": spec,
        "metadata": {"name": name, **metadata.get(kind, {"namespace": "default"})},
    }) + "\n" for version, kind, name, spec in objects)
