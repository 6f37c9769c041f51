// Heads of HTTP/1.1 messages (RFC 9112), bytes to values and back. Pure. Strict: what two servers
// in a row might read differently is refused, for that is how one request hides in another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/detail/header_block.h"
#include "gateway/detail/message.h"

namespace rage::gateway::detail {

struct HeadLimits {
  std::size_t bytes_max = 64 << 10;
  std::size_t fields_max = 128;
};

// Value. Looks for the end of a head while its bytes arrive.
class HeadScanner final {
 public:
  // `bytes`: the head from its first byte, each time with more behind. One past its empty line;
  // none: not there yet. Line feeds without a carriage return are refused where they are seen.
  std::expected<std::optional<std::size_t>, Refusal> find_end(std::string_view bytes);

 private:
  std::size_t scanned_ = 0;
  std::size_t line_at_ = 0;
};

struct ParsedRequestHead {
  RequestHead head;
  Framing framing;
  bool http_1_1 = true;
  bool keep_alive = true;
  bool expects_continue = false;
};

// `head`: the whole head with its empty line. Hop-by-hop fields are gone from the result.
std::expected<ParsedRequestHead, Refusal> parse_request_head(std::string_view head,
                                                             const HeadLimits& limits);

// Path and query, or the form that goes through proxies, into `head`; its method is known already.
std::optional<Refusal> read_target(std::string_view target, RequestHead& head);

struct ParsedResponseHead {
  ResponseHead head;
  Framing framing;
  bool keep_alive = true;
};

// `to_head_request`: the reply has no body, whatever it says.
enum class ReplyTo { kHead, kOther };
// The text says what is wrong with it.
std::expected<ParsedResponseHead, std::string> parse_response_head(std::string_view head,
                                                                   ReplyTo reply_to,
                                                                   const HeadLimits& limits);

// Appends. `framing` gives the framing fields; heads hold none.
void render_request_head(const RequestHead& head, const Framing& framing, std::string& out);

enum class Persistence { kKeepAlive, kClose, kKeepAlive10 };  // The last: says so to HTTP/1.0.
void render_response_head(const ResponseHead& head, const Framing& framing, Persistence persistence,
                          std::string& out);

}  // namespace rage::gateway::detail
