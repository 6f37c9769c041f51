#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "codec/json.h"
#include "gatewayapi/compile.h"
#include "gatewayapi/filters.h"
#include "gatewayapi/status.h"

namespace {

using namespace rage::gatewayapi;

void apply(const Match& match, const RequestHead& request) {
  const auto edit = [&](const PathEdit& path) {
    CHECK(rewritten_path(path, request.path, match.matched_prefix).starts_with('/'));
  };
  for (const Filter& filter : match.rule->filters) {
    if (const auto* rewrite = std::get_if<Rewrite>(&filter.what)) {
      if (rewrite->path) edit(*rewrite->path);
    }
    if (const auto* redirect = std::get_if<Redirect>(&filter.what)) {
      static_cast<void>(render_location(*redirect, {.scheme = "http",
                                                    .host = request.host,
                                                    .port = 80,
                                                    .path = request.path,
                                                    .query = request.query,
                                                    .matched_prefix = match.matched_prefix}));
    }
    if (const auto* headers = std::get_if<RequestHeaderEdits>(&filter.what)) {
      HeaderList list = {{"a", "b"}};
      apply_header_edits(*headers, list);
    }
  }
  static_cast<void>(choose_backend(*match.rule, 0.5));
}

// Writing what was planned and planning again must come to rest.
void check_statuses(World world, const Compiled& compiled) {
  StatusOptions options;
  options.now = "2026-01-01T00:00:00Z";
  for (const StatusChange& change : plan_statuses(world, compiled, options)) {
    if (change.kind == "Gateway") world.gateways.at(change.object).status = change.status;
    if (change.kind == "GatewayClass") world.classes.at(change.object).status = change.status;
    if (change.kind == "HTTPRoute") world.http_routes.at(change.object).status = change.status;
    if (change.kind == "GRPCRoute") world.grpc_routes.at(change.object).status = change.status;
    if (change.kind == "InferencePool") {
      world.pools.at(change.object).document["status"] = change.status;
    }
  }
  CHECK(plan_statuses(world, compiled, options).empty());
}

}  // namespace

// Lines of JSON are objects; the first line is a request: host, path and query, separated by
// spaces. Nothing in them may end the process.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(bytes), size);
  const auto take = [&rest](char separator) {
    const std::string_view part = rest.substr(0, rest.find(separator));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    return part;
  };
  RequestHead request{.host = take(' '), .method = "GET", .path = take(' '), .query = take('\n')};
  request.header = [&](std::string_view name) -> std::optional<std::string_view> {
    return name.size() % 2 == 0 ? std::optional(request.query) : std::nullopt;
  };
  World world;
  while (!rest.empty()) {
    const auto document =
        rage::codec::parse_json(take('\n'), {.bytes_max = 1 << 16, .depth_max = 32});
    if (document) static_cast<void>(put_object(world, *document));
  }
  CompileOptions options;
  options.unknown_class = CompileOptions::UnknownClass::kServe;
  const Compiled compiled = compile(world, options);
  for (const CompiledGateway& gateway : compiled.gateways) {
    const CompiledListener* listener = find_listener(gateway, 80, request.host);
    if (listener == nullptr) continue;
    if (const auto match = listener->routes->match(request)) apply(*match, request);
  }
  check_statuses(std::move(world), compiled);
  return 0;
}
