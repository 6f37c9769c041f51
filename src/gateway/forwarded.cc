#include "gateway/detail/forwarded.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace rage::gateway::detail {
namespace {

constexpr std::array<std::string_view, 6> kNames = {
    "x-prefiller-host-port",     "x-encoder-hosts-ports", "x-kv-cache-source-host-port",
    "x-data-parallel-host-port", "x-slo-ttft-ms",         "x-slo-tpot-ms"};
constexpr std::array<std::string_view, 5> kPrefixes = {
    "x-llm-d-", "x-gateway-destination-endpoint", "x-gateway-inference-", "x-gateway-model-name",
    "x-gateway-base-model-name"};

constexpr std::size_t kRequestIdBytesMax = 128;

}  // namespace

bool is_picker_header(std::string_view name) {
  if (!name.starts_with("x-")) return false;
  return std::ranges::find(kNames, name) != kNames.end() ||
         std::ranges::any_of(kPrefixes, [&](auto prefix) { return name.starts_with(prefix); });
}

void add_forwarded(RequestHead& head, std::string_view peer, std::string_view scheme,
                   std::string_view request_id) {
  std::string chain;
  for (std::size_t i = 0; i < head.headers.size(); ++i) {
    if (head.headers.name(i) == "x-forwarded-for") chain.append(head.headers.value(i)).append(", ");
  }
  chain += peer;
  head.headers.set("x-forwarded-for", chain);
  head.headers.set("x-forwarded-proto", scheme);
  const auto id = head.headers.find("x-request-id");
  if (!id || id->empty() || id->size() > kRequestIdBytesMax) {
    head.headers.set("x-request-id", request_id);
  }
}

std::string host_of(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  const bool port = colon != authority.npos && authority.find(']', colon) == authority.npos;
  return to_lower_ascii(port ? authority.substr(0, colon) : authority);
}

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

std::string_view query_of(std::string_view target) {
  const std::size_t mark = target.find('?');
  return mark == target.npos ? std::string_view() : target.substr(mark + 1);
}

}  // namespace rage::gateway::detail
