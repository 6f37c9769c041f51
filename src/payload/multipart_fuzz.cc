#include "payload/multipart.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "payload/inference_request.h"

// Parts stand in order, apart from each other, without a boundary in them; a model that is put in
// or replaced is the one that is read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::payload;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  // The first line is the content type's boundary parameter.
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::string_view body = text.substr(std::min(text.size(), line.size() + 1));
  const std::string type = "multipart/form-data; boundary=" + std::string(line);
  const auto parts = parse_form(type, body);
  if (parts) {
    std::size_t end = 0;
    for (const FormPart& part : *parts) {
      CHECK(part.content.begin > end && part.content.begin <= part.content.end);
      end = part.content.end;
      CHECK(end < body.size());
      CHECK(body.substr(end).starts_with("\r\n--"));
    }
  }
  const std::string_view path = "/v1/audio/transcriptions";
  const auto request = parse_inference_request(path, type, body);
  CHECK(!request || parts);
  if (!request || !request->model_range) return 0;
  const std::string changed = replace_model(body, *request->model_range, "new");
  const auto again = parse_inference_request(path, type, changed);
  CHECK(again.has_value());
  CHECK(again->model == "new");
  CHECK(again->stream == request->stream);
  return 0;
}
