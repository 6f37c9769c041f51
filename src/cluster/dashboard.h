// What `rage dashboard` serves on loopback: a page, and what the page asks of the Kubernetes behind
// it. Nothing can be changed through it, and Secrets are not shown.
//   GET /, /assets/*             the page; everything below wants "Authorization: Bearer KEY"
//   GET /api/table?path=P        P of Kubernetes as `kubectl get` prints it: a Table as JSON
//   GET /api/object?path=P       P as YAML, without managedFields
//   GET /api/facts?path=P        {"conditions": status.conditions of P, "containers": [names]}
//   GET /api/log?path=P&container=C[&previous=true]   the last lines of a pod's log
//   GET /api/usage               CPU and memory of pods that are processes of this machine
//   GET /api/metrics?path=P      the metrics page of pod P, if it has one
#pragma once

#include <string>
#include <string_view>

#include "base/context.h"
#include "kube/client.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace rage::cluster {

// Whether a path of Kubernetes may be read through the dashboard: a collection, an object or a
// pod's log; no Secret, and nothing that leads on into a pod or another server. Pure.
bool is_shown_path(std::string_view path);

// Thread-safe. Client and transport outlive it.
class Dashboard final {
 public:
  // `key`: what whoever asks must know; not empty.
  Dashboard(kube::KubeClient& client, net::HttpTransport& transport, std::string key);

  // An HttpHandler.
  void handle(const Context& context, const net::HttpRequest& request,
              net::ResponseWriter& writer) const;

 private:
  struct Call;
  Result<net::HttpResponse> answer(const Call& call) const;
  Result<net::HttpResponse> table(const Call& call) const;
  Result<net::HttpResponse> object(const Call& call) const;
  Result<net::HttpResponse> facts(const Call& call) const;
  Result<net::HttpResponse> log(const Call& call) const;
  Result<net::HttpResponse> metrics(const Call& call) const;
  Result<codec::Json> read(const Call& call) const;

  kube::KubeClient& client_;
  net::HttpTransport& transport_;
  const std::string key_;
};

}  // namespace rage::cluster
