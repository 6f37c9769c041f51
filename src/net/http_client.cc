#include "net/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "net/detail/curl_transfer.h"

namespace rage::net {
namespace {

using detail::CurlHandle;

constexpr std::size_t kIdleHandlesMax = 64;
constexpr std::uint64_t kBodyReserveMax = 1 << 20;

// TLS writes cannot be told to spare us SIGPIPE, whose default ends the
// process.
void ignore_sigpipe() {
  struct sigaction current{};
  if (::sigaction(SIGPIPE, nullptr, &current) != 0 || current.sa_handler != SIG_DFL) return;
  std::signal(SIGPIPE, SIG_IGN);
}

void initialise_once() {
  static const bool done = [] {
    ignore_sigpipe();
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  }();
  (void)done;
}

// Proxies come from the environment, as users expect, but nothing on this
// machine goes through one.
std::string hosts_without_proxy() {
  std::string hosts = "localhost,127.0.0.0/8,::1";
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    if (trim(value) == "*") return "*";
    return hosts + "," + value;
  }
  return hosts;
}

// A pod of a local node is told where Services are; elsewhere the system's resolver knows.
std::unique_ptr<const detail::ServiceNames> service_names() {
  const char* file = std::getenv("RAGE_SERVICES_FILE");
  if (file == nullptr || *file == '\0') return nullptr;
  const char* ns = std::getenv("RAGE_NAMESPACE");
  return std::make_unique<detail::ServiceNames>(file, ns == nullptr ? "default" : ns);
}

class CurlTransport final : public HttpTransport {
 public:
  CurlTransport() : no_proxy_(hosts_without_proxy()), names_(service_names()) {}

  Result<HttpResponse> fetch(const Context& context, const ClientRequest& request) override {
    HttpResponse response;
    bool too_large = false;
    const auto on_head = [&](const HttpResponse& head) {
      response = head;
      const auto length = parse_uint(head.headers.find("content-length"));
      if (length && request.method != "HEAD") {
        too_large = *length > request.body_bytes_max;
        response.body.reserve(static_cast<std::size_t>(std::min(*length, kBodyReserveMax)));
      }
      return !too_large;
    };
    const auto on_bytes = [&](std::string_view bytes) {
      too_large = response.body.size() + bytes.size() > request.body_bytes_max;
      if (!too_large) response.body += bytes;
      return !too_large;
    };
    RETURN_IF_ERROR(stream(context, request, on_head, on_bytes));
    if (too_large) {
      return fail(ErrorCode::kResourceExhausted, "the HTTP response is larger than {} bytes",
                  request.body_bytes_max);
    }
    return response;
  }

  Result<void> stream(const Context& context, const ClientRequest& request,
                      const std::function<bool(const HttpResponse& head)>& on_head,
                      const std::function<bool(std::string_view bytes)>& on_bytes) override {
    RETURN_IF_ERROR(detail::validate_request(request));
    RETURN_IF_ERROR(context.check());
    std::unique_ptr<CurlHandle> handle = take_handle();
    if (!handle) return fail(ErrorCode::kResourceExhausted, "out of memory");
    Result<void> result = handle->run(context, request, no_proxy_, names_.get(), on_head, on_bytes);
    give_back(std::move(handle));
    return result;
  }

 private:
  using Handles = std::vector<std::unique_ptr<CurlHandle>>;

  // The one used last is the likeliest to have an open connection.
  std::unique_ptr<CurlHandle> take_handle() {
    auto handle = idle_.with([](Handles& idle) -> std::unique_ptr<CurlHandle> {
      if (idle.empty()) return nullptr;
      auto last = std::move(idle.back());
      idle.pop_back();
      return last;
    });
    return handle ? std::move(handle) : CurlHandle::create();
  }

  void give_back(std::unique_ptr<CurlHandle> handle) {
    // One too many is destroyed here, outside the lock.
    idle_.with([&](Handles& idle) {
      if (idle.size() < kIdleHandlesMax) idle.push_back(std::move(handle));
    });
  }

  const std::string no_proxy_;
  const std::unique_ptr<const detail::ServiceNames> names_;
  Guarded<Handles> idle_;
};

}  // namespace

std::unique_ptr<HttpTransport> make_http_transport() {
  initialise_once();
  return std::make_unique<CurlTransport>();
}

}  // namespace rage::net
