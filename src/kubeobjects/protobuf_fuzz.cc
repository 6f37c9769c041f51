// Whatever bytes claim to be an object become JSON that can be written and read again, or a
// refusal.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "kubeobjects/protobuf.h"
#include "kubeobjects/status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const std::string_view given(reinterpret_cast<const char*>(bytes), size);
  // Half the inputs are the inside of a Pod, so that the mutator need not find the envelope.
  std::string body(given);
  if (size % 2 == 0 && size < 100) {
    body = std::string("k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12", 16);
    body += static_cast<char>(size);
    body += given;
  }
  const auto parsed = kubeobjects::parse_protobuf(body);
  if (!parsed) {
    CHECK(kubeobjects::http_status_of(parsed.error()) < 500);
    return 0;
  }
  CHECK(codec::parse_json(codec::render_json(*parsed)).has_value());
  return 0;
}
