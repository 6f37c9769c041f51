#include "net/detail/service_names.h"

#include <algorithm>
#include <system_error>
#include <vector>

#include "base/files.h"
#include "base/strings.h"
#include "codec/json.h"

namespace rage::net::detail {
namespace {

constexpr std::uint64_t kFileBytesMax = std::uint64_t{16} << 20;

}  // namespace

Result<ServiceTable> parse_services(std::string_view text) {
  ASSIGN_OR_RETURN(const codec::Json document, codec::parse_json(text));
  const codec::Json* services = codec::find_key(document, "services");
  if (services == nullptr || !services->is_array()) {
    return fail(ErrorCode::kInvalidArgument, "no list of services");
  }
  ServiceTable table;
  for (const codec::Json& each : *services) {
    const std::string name = codec::string_or(each, "name", "");
    const std::string ns = codec::string_or(each, "namespace", "");
    const std::string address = codec::string_or(each, "address", "");
    const double port = codec::number_or(each, "port", 0);
    const double local = codec::number_or(each, "local_port", 0);
    const bool valid = port >= 1 && port <= 65535 && local >= 1 && local <= 65535;
    if (name.empty() || ns.empty() || address.empty() || !valid) continue;
    table[{fmt::format("{}.{}", name, ns), static_cast<std::uint16_t>(port)}] =
        fmt::format("{}:{}", address, static_cast<std::uint16_t>(local));
  }
  return table;
}

std::string service_key(std::string_view host, std::string_view own_namespace) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const auto parts = split(host, '.');
  if (parts.empty() || parts[0].empty()) return {};
  if (parts.size() == 1) return to_lower_ascii(fmt::format("{}.{}", host, own_namespace));
  const std::string rest(host.substr(std::min(host.size(), parts[0].size() + parts[1].size() + 1)));
  if (!rest.empty() && rest != ".svc" && rest != ".svc.cluster.local") return {};
  return to_lower_ascii(fmt::format("{}.{}", parts[0], parts[1]));
}

std::optional<std::string> ServiceNames::find(std::string_view host, std::uint16_t port) const {
  const std::string key = service_key(host, own_namespace_);
  if (key.empty()) return std::nullopt;
  std::error_code error;
  const auto written_at = std::filesystem::last_write_time(file_, error);
  if (error) return std::nullopt;
  const auto bytes = std::filesystem::file_size(file_, error);
  return state_.with([&](State& state) -> std::optional<std::string> {
    if (state.written_at != written_at || state.bytes != bytes) {
      const auto text = read_file(file_, kFileBytesMax);
      auto services = text ? parse_services(*text) : Result<ServiceTable>(fail(text.error()));
      // A damaged file leaves what was known.
      if (services) state = {written_at, bytes, *std::move(services)};
    }
    const auto found = state.services.find({key, port});
    return found == state.services.end() ? std::nullopt : std::optional(found->second);
  });
}

}  // namespace rage::net::detail
