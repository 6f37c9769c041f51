#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "operator/webhook.h"

// Whatever the API server's port is sent: an answer that parses and belongs to the question, or
// 400.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const bool admission = bytes[0] % 2 == 0;
  apis::ValidationSettings settings;
  settings.provisioner = static_cast<apis::Provisioner>(bytes[0] / 2 % 3);
  const auto response =
      admission ? op::review_admission(body, settings) : op::review_conversion(body);
  if (response.status == 400) return 0;
  CHECK(response.status == 200);
  const auto question = codec::parse_json(body, op::kConversionLimits);
  const auto answer = codec::parse_json(response.body, {.depth_max = 512});
  CHECK(question && answer);
  const codec::Json* request = codec::find_key(*question, "request");
  const codec::Json* reply = codec::find_key(*answer, "response");
  CHECK(request != nullptr && reply != nullptr);
  CHECK(codec::string_or(*request, "uid", "") == codec::string_or(*reply, "uid", "?"));
  return 0;
}
