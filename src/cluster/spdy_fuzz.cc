// However the network cuts a stream of frames, the same frames come out, and the same refusal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "cluster/detail/spdy.h"

namespace {

using rage::cluster::detail::SpdyFrame;
using rage::cluster::detail::SpdyReader;

// Pieces of data are put together again, for where they are cut is up to the network.
std::string read(std::string_view stream, std::size_t step) {
  SpdyReader reader;
  std::string seen;
  std::uint32_t data_of = 0;
  while (!stream.empty()) {
    const auto frames = reader.feed(stream.substr(0, step));
    if (!frames) return seen + " refused";
    stream.remove_prefix(std::min(step, stream.size()));
    for (const SpdyFrame& frame : *frames) {
      if (frame.type == SpdyFrame::Type::kData) {
        if (data_of != frame.stream) seen += '|' + std::to_string(frame.stream) + ':';
        data_of = frame.stream;
        seen += frame.data + (frame.fin ? "!" : "");
        continue;
      }
      data_of = 0;
      seen +=
          '#' + std::to_string(static_cast<int>(frame.type)) + ' ' + std::to_string(frame.stream);
      for (const auto& [name, value] : frame.headers.entries()) seen += name + '=' + value + ',';
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const std::string whole = read(stream, size);
  const std::string cut = read(stream, 1 + bytes[0] % 16);
  // What came before a refusal is lost with the piece it came in.
  if (!whole.ends_with(" refused")) CHECK(whole == cut);
  return 0;
}
