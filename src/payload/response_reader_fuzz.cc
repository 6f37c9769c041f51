#include "payload/response_reader.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "base/check.h"
#include "codec/json.h"

namespace {

using namespace rage::payload;
using rage::codec::Json;

struct Read {
  std::string out;
  std::optional<Usage> usage;
};

template <class Length>
Read read(const ResponseReaderOptions& options, std::string_view bytes, Length next_length) {
  const auto reader = ResponseReader::create(options);
  Read result;
  while (!bytes.empty()) {
    const std::size_t length = std::min<std::size_t>(next_length(), bytes.size());
    result.out += reader->push(bytes.substr(0, length), false);
    bytes.remove_prefix(length);
  }
  result.out += reader->push("", true);
  result.usage = reader->usage();
  return result;
}

void rename(Json& object) {
  if (!object.is_object()) return;
  if (rage::codec::string_or(object, "model", "") == "m") object["model"] = "renamed";
}

// What renaming means, on a tree.
void check_tree(std::string_view in, std::string_view out) {
  auto before = rage::codec::parse_json(in);
  if (!before) return;
  rename(*before);
  for (const char* name : {"message", "response"}) {
    if (before->is_object() && before->contains(name)) rename((*before)[name]);
  }
  const auto after = rage::codec::parse_json(out);
  CHECK(after.has_value());
  CHECK(*after == *before);
}

}  // namespace

// Cut anywhere, a reply gives the same bytes and counts as in one piece.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view reply(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  std::mt19937 random(bytes[1]);
  ResponseReaderOptions options{.event_stream = (bytes[0] & 1) != 0};
  const auto all = [&reply] { return reply.size(); };
  const auto some = [&random] { return 1 + random() % 9; };
  const Read plain = read(options, reply, all);
  CHECK(plain.out == reply);
  options.served_model = "m";
  options.client_model = "renamed";
  const Read whole = read(options, reply, all);
  const Read cut = read(options, reply, some);
  CHECK(cut.out == whole.out);
  CHECK(cut.usage == whole.usage);
  CHECK(plain.usage == whole.usage);
  if (!options.event_stream) check_tree(reply, whole.out);
  return 0;
}
