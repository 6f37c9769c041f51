// Prefill on one model server, decode on another: which bodies go where, and what happens when
// something fails. Follows llm-d's routing sidecar (https://github.com/llm-d/llm-d-router) and
// vLLM's `kv_transfer_params`. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "codec/json.h"
#include "net/http.h"
#include "payload/inference_request.h"

namespace rage::gateway {

// How the KV cache gets from one server to the other.
enum class KvConnector {
  kNixlV2,         // Prefill says where its blocks are; decode fetches them.
  kSharedStorage,  // Both read and write one store; decode finds what prefill left there.
  kSglang,         // Both are asked at once and meet at prefill's bootstrap server.
};
// "nixlv2", "shared-storage", "sglang". kUnimplemented: one that the reference has and we do not.
Result<KvConnector> parse_kv_connector(std::string_view name);

// What becomes of a request whose prefill server fails (502, 503, 504 after retries, other 5xx, no
// connection, nonsense). What a client did wrong (4xx) is answered as prefill answered it.
enum class PrefillFailure {
  kDecodeAlone,  // The decode server computes the prompt itself.
  kAnswered,     // The client gets the failure.
};

struct PdOptions {
  KvConnector connector = KvConnector::kNixlV2;
  PrefillFailure on_failure = PrefillFailure::kDecodeAlone;
  std::uint32_t prefill_retries_max = 0;  // Of 502, 503, 504 and lost connections.
  std::chrono::milliseconds prefill_backoff{200};
  std::uint16_t bootstrap_port = 8998;  // Of SGLang's prefill servers.
};

struct PdRequest {
  std::string path;
  std::string body;
  std::string prefill_host;       // Without port.
  std::uint64_t random_room = 0;  // Any number; where SGLang's two servers meet.
};

// What to do next.
struct AskPrefill {
  std::string body;
  std::chrono::milliseconds after{0};
};
// Both at once; the client gets decode's reply, prefill's is of no interest.
struct AskBoth {
  std::string body;
};
struct AskDecode {
  std::string body;
  // Prompt tokens that prefill found in its cache: decode would report the whole prompt, since it
  // got all of it from prefill. None: leave the reply as it is.
  std::optional<std::uint64_t> cached_tokens = {};
  std::string why_alone = {};  // Not empty: prefill failed.
};
struct Answer {
  net::HttpResponse response;
};
using PdStep = std::variant<AskPrefill, AskBoth, AskDecode, Answer>;

// Whether a POST to this path can be split.
bool is_disaggregable(std::string_view path);

// None: fine. A client that names a host in `kv_transfer_params` or `bootstrap_host` would make the
// decode server connect to it; only prefill servers and this proxy may.
std::optional<net::HttpResponse> refuse_client_hosts(std::string_view path, std::string_view body);

// {"error": {"message", "type", "param", "code"}}
net::HttpResponse error_reply(int status, std::string_view message);

// One request. start() once, then on_prefill() after each AskPrefill. AskBoth, AskDecode and Answer
// are the last step.
class PdExchange final {
 public:
  PdExchange(const PdOptions& options, PdRequest request)
      : options_(options), request_(std::move(request)) {}

  PdStep start();
  // The whole reply, whatever its status, or why there is none.
  PdStep on_prefill(const Result<net::HttpResponse>& reply);

 private:
  PdStep prefilled(const net::HttpResponse& reply);
  PdStep failed(net::HttpResponse reply);
  AskDecode decode_alone(std::string why);

  const PdOptions& options_;
  PdRequest request_;
  payload::Api api_ = payload::Api::kUnknown;
  codec::Json body_;
  std::string prefill_body_;
  std::uint32_t retries_ = 0;
};

}  // namespace rage::gateway
