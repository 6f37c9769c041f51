// What the operator's page asks: the RAG service's indexes, documents, search and settings, and
// reports of `rage eval` out of a folder. There is no login: it is for loopback alone.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "assistant/rag_client.h"
#include "base/context.h"
#include "net/http.h"

namespace rage::assistant {

struct OperatorOptions {
  std::filesystem::path reports;  // Of `rage eval --json`; empty: none.
};

// Thread-safe. The client outlives it.
//
//   /api/operator/rag/...            the routes of the service that the page needs, and no other
//   /api/operator/reports            {"reports":[{"name","questions","right",...}]}, newest first
//   /api/operator/reports/NAME.json  one of them
class OperatorDesk final {
 public:
  OperatorDesk(const RagClient& rag, OperatorOptions options)
      : rag_(rag), options_(std::move(options)) {}

  // A request below /api/operator/. 403: it comes from elsewhere or by a name that is not this
  // machine's own (another site's page could lead a browser here by its own name).
  net::HttpResponse handle(const Context& context, const net::HttpRequest& request) const;

 private:
  net::HttpResponse reports(std::string_view name) const;
  net::HttpResponse list_reports() const;

  const RagClient& rag_;
  const OperatorOptions options_;
};

// "localhost", "127.0.0.1:8001", "[::1]:8001". Pure.
bool is_loopback_host(std::string_view host);
// Whether the operator's page may ask the service that; `path` as sent. Pure.
bool is_operator_route(std::string_view method, std::string_view path);

}  // namespace rage::assistant
