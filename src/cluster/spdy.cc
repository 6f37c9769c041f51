#include "cluster/detail/spdy.h"

#include <zlib.h>

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"

namespace rage::cluster::detail {
namespace {

constexpr std::size_t kHeadBytes = 8;
constexpr std::size_t kControlBytesMax = 64 << 10;
constexpr std::size_t kHeaderBytesMax = 16 << 10;
constexpr std::uint32_t kVersion = 3;
constexpr std::uint32_t kStreamMask = 0x7FFFFFFF;
constexpr std::uint32_t kControlBit = 0x80000000;

enum ControlType : std::uint32_t {
  kSynStream = 1,
  kSynReply = 2,
  kRstStream = 3,
  kPing = 6,
  kGoAway = 7,
  kHeaders = 8,
};

// What the protocol compresses headers with: these, each behind its length, then that.
constexpr std::string_view kWords =
    "options,head,post,put,delete,trace,accept,accept-charset,accept-encoding,"
    "accept-language,accept-ranges,age,allow,authorization,cache-control,connection,"
    "content-base,content-encoding,content-language,content-length,content-location,"
    "content-md5,content-range,content-type,date,etag,expect,expires,from,host,if-match,"
    "if-modified-since,if-none-match,if-range,if-unmodified-since,last-modified,location,"
    "max-forwards,pragma,proxy-authenticate,proxy-authorization,range,referer,"
    "retry-after,server,te,trailer,transfer-encoding,upgrade,user-agent,vary,via,warning,"
    "www-authenticate,method,get,status,200 OK,version,HTTP/1.1,url,public,set-cookie,"
    "keep-alive,origin";
constexpr std::string_view kTail =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502"
    "504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Re"
    "quest401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Impl"
    "emented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00"
    ":00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,imag"
    "e/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivate"
    "max-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xFF);
  return bytes;
}

// `bytes` has at least four from `at` on.
std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (const char c : bytes.substr(at, 4)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

const std::string& dictionary() {
  static const std::string made = [] {
    std::string text;
    for (const std::string_view word : split(kWords, ',')) {
      text += big_endian(static_cast<std::uint32_t>(word.size()));
      text += word;
    }
    return text + std::string(kTail);
  }();
  return made;
}

std::unexpected<Error> broken(std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "the SPDY stream is broken: {}", why);
}

// Name and value pairs, each behind its length, as a header block has them.
Result<net::Headers> parse_pairs(std::string_view block) {
  const auto take = [&block]() -> Result<std::string> {
    if (block.size() < 4) return broken("its headers are cut off");
    const std::uint32_t size = number_at(block, 0);
    if (size > block.size() - 4) return broken("its headers are cut off");
    std::string text(block.substr(4, size));
    block.remove_prefix(4 + size);
    return text;
  };
  if (block.size() < 4) return broken("its headers are cut off");
  const std::uint32_t count = number_at(block, 0);
  block.remove_prefix(4);
  net::Headers headers;
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::string name, take());
    ASSIGN_OR_RETURN(const std::string value, take());
    headers.add(name, value);
  }
  return headers;
}

std::string control(ControlType type, std::string_view payload) {
  return big_endian(kControlBit | kVersion << 16 | type) +
         big_endian(static_cast<std::uint32_t>(payload.size())) + std::string(payload);
}

}  // namespace

// The header blocks of a connection are one compressed stream.
class SpdyReader::Inflater final {
 public:
  Inflater() { CHECK(inflateInit(&stream_) == Z_OK); }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<net::Headers> read_block(std::string_view bytes) {
    std::string block(kHeaderBytesMax + 1, '\0');
    // zlib only reads; its input has no const.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    stream_.next_out = reinterpret_cast<Bytef*>(block.data());
    stream_.avail_out = static_cast<uInt>(block.size());
    while (stream_.avail_in > 0) {
      int code = inflate(&stream_, Z_SYNC_FLUSH);
      if (code == Z_NEED_DICT) code = set_dictionary();
      if (code != Z_OK) return broken("its headers are no zlib stream");
      if (stream_.avail_out == 0) return broken("its headers are too large");
    }
    block.resize(block.size() - stream_.avail_out);
    return parse_pairs(block);
  }

 private:
  int set_dictionary() {
    const std::string& words = dictionary();
    return inflateSetDictionary(&stream_, reinterpret_cast<const Bytef*>(words.data()),
                                static_cast<uInt>(words.size()));
  }
  z_stream stream_{};
};

SpdyReader::SpdyReader() : inflater_(std::make_unique<Inflater>()) {}
SpdyReader::~SpdyReader() = default;

Result<std::vector<SpdyFrame>> SpdyReader::feed(std::string_view bytes) {
  std::vector<SpdyFrame> frames;
  pending_ += bytes;
  std::size_t used = 0;
  while (used < pending_.size()) {
    ASSIGN_OR_RETURN(const std::size_t taken,
                     take(std::string_view(pending_).substr(used), frames));
    if (taken == 0) break;
    used += taken;
  }
  pending_.erase(0, used);
  return frames;
}

// Zero: more bytes are needed.
Result<std::size_t> SpdyReader::take(std::string_view bytes, std::vector<SpdyFrame>& frames) {
  if (data_left_ > 0) {
    const std::string_view piece = bytes.substr(0, data_left_);
    data_left_ -= piece.size();
    frames.push_back({.type = SpdyFrame::Type::kData,
                      .stream = data_stream_,
                      .fin = data_fin_ && data_left_ == 0,
                      .data = std::string(piece)});
    return piece.size();
  }
  if (bytes.size() < kHeadBytes) return 0;
  const std::uint32_t first = number_at(bytes, 0);
  const std::uint32_t second = number_at(bytes, 4);
  const std::size_t length = second & 0xFFFFFF;
  const bool fin = (second >> 24 & 1) != 0;
  if ((first & kControlBit) == 0) {
    data_stream_ = first;
    data_fin_ = fin;
    data_left_ = length;
    if (length == 0 && fin) {
      frames.push_back({.type = SpdyFrame::Type::kData, .stream = first, .fin = true});
    }
    return kHeadBytes;
  }
  if ((first >> 16 & 0x7FFF) != kVersion) return broken("its version is not 3");
  if (length > kControlBytesMax) return broken("a frame is too large");
  if (bytes.size() < kHeadBytes + length) return 0;
  RETURN_IF_ERROR(take_control(first & 0xFFFF, fin, bytes.substr(kHeadBytes, length), frames));
  return kHeadBytes + length;
}

Result<void> SpdyReader::take_control(std::uint32_t type, bool fin, std::string_view payload,
                                      std::vector<SpdyFrame>& frames) {
  if (type == kGoAway) {
    frames.push_back({.type = SpdyFrame::Type::kGoAway});
    return {};
  }
  const bool known = type == kSynStream || type == kSynReply || type == kHeaders ||
                     type == kRstStream || type == kPing;
  if (!known) return {};
  const std::size_t head = type == kSynStream ? 10 : 4;
  if (payload.size() < head) return broken("a frame is cut off");
  SpdyFrame frame{.stream = number_at(payload, 0), .fin = fin};
  if (type != kPing) frame.stream &= kStreamMask;
  if (type == kSynStream || type == kSynReply || type == kHeaders) {
    ASSIGN_OR_RETURN(frame.headers, inflater_->read_block(payload.substr(head)));
    if (type != kSynStream) return {};
  }
  frame.type = type == kSynStream   ? SpdyFrame::Type::kOpen
               : type == kRstStream ? SpdyFrame::Type::kReset
                                    : SpdyFrame::Type::kPing;
  frames.push_back(std::move(frame));
  return {};
}

std::string render_spdy_reply(std::uint32_t stream, bool first) {
  std::string payload = big_endian(stream);
  if (first) {
    // A zlib stream with a dictionary, named by its checksum.
    payload += "\x78\xBB";
    const std::string& words = dictionary();
    payload += big_endian(static_cast<std::uint32_t>(
        adler32(adler32(0, nullptr, 0), reinterpret_cast<const Bytef*>(words.data()),
                static_cast<uInt>(words.size()))));
  }
  // No headers: a number of four bytes, in a block that is stored as it is; then an empty block,
  // which is how a flush looks: Go reads nothing out before one.
  payload += std::string("\x00\x04\x00\xFB\xFF\0\0\0\0", 9);
  payload += std::string("\x00\x00\x00\xFF\xFF", 5);
  return control(kSynReply, payload);
}

std::string render_spdy_data(std::uint32_t stream, std::string_view bytes, bool fin) {
  CHECK(bytes.size() <= kSpdyDataBytesMax);
  const auto size = static_cast<std::uint32_t>(bytes.size());
  return big_endian(stream & kStreamMask) + big_endian((fin ? 1U << 24 : 0) | size) +
         std::string(bytes);
}

std::string render_spdy_reset(std::uint32_t stream, std::uint32_t status) {
  return control(kRstStream, big_endian(stream) + big_endian(status));
}

std::string render_spdy_ping(std::uint32_t id) {
  return control(kPing, big_endian(id));
}

}  // namespace rage::cluster::detail
