#include "extproc/static_picker.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace rage::extproc {
namespace {

constexpr std::string_view kTestSelection = "test-epp-endpoint-selection";

class NothingToFollow final : public picker::Exchange {
 public:
  std::vector<std::pair<std::string, std::string>> on_response_headers(
      const picker::ResponseHead&) override {
    return {};
  }
  std::string on_response_body(std::string_view bytes, bool) override { return std::string(bytes); }
  void finish(picker::Completion) override {}
  bool wants_response_body() const override { return false; }
  void on_eviction(std::function<void(picker::Refusal)>) override {}
};

class Answered final : public picker::PickTicket {
 public:
  void cancel() override {}
};

// Endpoints that one of `wanted` ("ip" or "ip:port") names, in the order of `wanted`.
std::vector<std::string> select(const std::vector<std::string>& endpoints,
                                const std::vector<std::string_view>& wanted) {
  std::vector<std::string> chosen;
  for (const std::string_view name : wanted) {
    for (const std::string& endpoint : endpoints) {
      const bool named = endpoint == name || endpoint.substr(0, endpoint.rfind(':')) == name;
      if (named && std::ranges::find(chosen, endpoint) == chosen.end()) chosen.push_back(endpoint);
    }
  }
  return chosen;
}

std::vector<std::string> eligible(const std::vector<std::string>& endpoints,
                                  const picker::PickRequest& request) {
  std::vector<std::string_view> wanted;
  if (const std::string_view header = request.headers.find(kTestSelection); !header.empty()) {
    for (const std::string_view part : split(header, ',')) wanted.push_back(trim(part));
    return select(endpoints, wanted);
  }
  if (!request.subset) return endpoints;
  std::vector<std::string> chosen;
  std::ranges::copy_if(endpoints, std::back_inserter(chosen), [&](const std::string& endpoint) {
    return std::ranges::find(*request.subset, endpoint) != request.subset->end();
  });
  return chosen;
}

}  // namespace

Result<std::vector<std::string>> parse_endpoints(std::string_view text) {
  std::vector<std::string> endpoints;
  for (const std::string_view part : split(text, ',')) {
    const std::string_view endpoint = trim(part);
    const std::size_t colon = endpoint.rfind(':');
    const auto port =
        colon == std::string_view::npos ? std::nullopt : parse_uint(endpoint.substr(colon + 1));
    const std::string_view host = endpoint.substr(0, std::min(colon, endpoint.size()));
    const bool bare_ipv6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
    if (!port || *port == 0 || *port > 65535 || host.empty() || bare_ipv6) {
      return fail(ErrorCode::kInvalidArgument, "\"{}\" is no endpoint such as 10.0.0.1:8000",
                  endpoint);
    }
    endpoints.emplace_back(endpoint);
  }
  return endpoints;
}

std::unique_ptr<picker::PickTicket> StaticPicker::pick(
    picker::PickRequest request, std::function<void(picker::PickOutcome)> done) {
  done(choose(request));
  return std::make_unique<Answered>();
}

picker::PickOutcome StaticPicker::choose(const picker::PickRequest& request) {
  const auto refuse = [](std::string message, std::string reason) {
    return picker::PickOutcome{.refusal = picker::Refusal{.status = 503,
                                                          .code_name = "ServiceUnavailable",
                                                          .message = std::move(message),
                                                          .dropped_reason = std::move(reason)}};
  };
  if (draining_.load()) return refuse("shutting down", "rejected-shutting-down");
  std::vector<std::string> chosen = eligible(endpoints_, request);
  if (chosen.empty()) {
    return refuse("failed to find endpoint candidates for serving the request",
                  "rejected-no-endpoints");
  }
  if (!request.headers.has(kTestSelection)) {
    const auto first = static_cast<std::ptrdiff_t>(turn_.fetch_add(1) % chosen.size());
    std::ranges::rotate(chosen, chosen.begin() + first);
  }
  if (chosen.size() > destinations_max_) chosen.resize(destinations_max_);
  return {.pick = picker::Pick{.destinations = std::move(chosen),
                               .exchange = std::make_shared<NothingToFollow>()}};
}

}  // namespace rage::extproc
