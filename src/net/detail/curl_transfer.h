// One HTTP transfer on a libcurl handle pair; all of libcurl stays behind this header.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/error.h"
#include "net/detail/service_names.h"
#include "net/http_client.h"

namespace rage::net::detail {

// Resource. One thread at a time. Keeps its connections open between transfers.
class CurlHandle final {
 public:
  // Null only when libcurl has no memory.
  static std::unique_ptr<CurlHandle> create();
  ~CurlHandle();
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;

  // `no_proxy`: hosts that are reached directly, as in the environment variable of that name.
  // `names`: Services that are reached by a file's word; null: none. Contract:
  // HttpTransport::stream().
  Result<void> run(const Context& context, const ClientRequest& request,
                   const std::string& no_proxy, const ServiceNames* names,
                   const std::function<bool(const HttpResponse& head)>& on_head,
                   const std::function<bool(std::string_view bytes)>& on_bytes);

 private:
  CurlHandle(void* easy, void* multi) : easy_(easy), multi_(multi) {}
  void* easy_;   // CURL*
  void* multi_;  // CURLM*: it can be woken from another thread, and it owns the connections.
};

// kInvalidArgument unless the URL is http or https with a host, and method and headers are well
// formed.
Result<void> validate_request(const ClientRequest& request);

}  // namespace rage::net::detail
