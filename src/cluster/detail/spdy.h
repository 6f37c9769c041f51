// SPDY/3.1 as far as kubectl speaks it inside an upgraded connection: bytes to frames and back.
// Pure. Source: draft-mbelshe-httpbis-spdy-00. Flow control is not used by Kubernetes' clients.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/http.h"

namespace rage::cluster::detail {

// Value.
struct SpdyFrame {
  enum class Type { kOpen, kData, kReset, kPing, kGoAway };
  Type type = Type::kData;
  std::uint32_t stream = 0;   // Of kPing: its id.
  bool fin = false;           // The peer sends no more on this stream.
  net::Headers headers = {};  // Of kOpen.
  std::string data = {};      // Of kData; a large frame comes in pieces.
};

// Resource. One thread.
class SpdyReader final {
 public:
  SpdyReader();
  ~SpdyReader();
  SpdyReader(const SpdyReader&) = delete;
  SpdyReader& operator=(const SpdyReader&) = delete;

  // The frames that are whole by now; those that say nothing to us are left out. Keeps at most one
  // control frame of 64 KiB. kInvalidArgument: no SPDY, or headers over 16 KiB; the connection is
  // of no more use.
  Result<std::vector<SpdyFrame>> feed(std::string_view bytes);

 private:
  class Inflater;
  Result<std::size_t> take(std::string_view bytes, std::vector<SpdyFrame>& frames);
  Result<void> take_control(std::uint32_t type, bool fin, std::string_view payload,
                            std::vector<SpdyFrame>& frames);

  std::unique_ptr<Inflater> inflater_;
  std::string pending_;
  std::uint32_t data_stream_ = 0;
  std::size_t data_left_ = 0;  // Of a data frame that has begun.
  bool data_fin_ = false;
};

inline constexpr std::uint32_t kSpdyRefusedStream = 3;
inline constexpr std::uint32_t kSpdyCancel = 5;
inline constexpr std::size_t kSpdyDataBytesMax = (1 << 24) - 1;

// `first`: it is the connection's first frame with headers, which says what they are compressed
// with.
std::string render_spdy_reply(std::uint32_t stream, bool first);
// At most kSpdyDataBytesMax bytes.
std::string render_spdy_data(std::uint32_t stream, std::string_view bytes, bool fin);
std::string render_spdy_reset(std::uint32_t stream, std::uint32_t status);
std::string render_spdy_ping(std::uint32_t id);

}  // namespace rage::cluster::detail
