#include "payload/inference_request.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "payload/field_scanner.h"
#include "payload/json_oracle_for_test.h"

namespace {

using namespace rage::payload;

constexpr std::string_view kPaths[] = {
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings",         "/v1/responses",
    "/v1/conversations",    "/v1/messages",    "/inference/v1/generate", "/generate",
};

void check_replaced(std::string_view path, std::string_view body, const InferenceRequest& request) {
  const std::string changed = replace_model(body, request.model_range.value(), "n\"\xC3\xA9w");
  auto again = parse_inference_request(path, "", changed);
  CHECK(again.has_value());
  CHECK(again->model == "n\"\xC3\xA9w");
  again->model = request.model;
  again->model_range = request.model_range;
  CHECK(*again == request);
}

}  // namespace

// A body is refused as JSON exactly if it is none; the model is the one the scanner and simdjson
// see.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view path = kPaths[bytes[0] % std::size(kPaths)];
  const std::string_view body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const auto request = parse_inference_request(path, "", body);
  const auto scanner = FieldScanner::create({"model"}, FieldScanner::Duplicates::kRefused);
  const bool object = scanner->feed(body) && scanner->finish();
  if (!request) {
    const std::string& why = request.error().message;
    const bool blames_json = why == "body is empty" || why == "body is not a JSON object" ||
                             why.starts_with("body is not valid JSON: ");
    // One that is bad in two ways may be blamed for either.
    CHECK(!object || !blames_json);
    return 0;
  }
  CHECK(object);
  const OracleVerdict oracle = ask_oracle(body, "model");
  CHECK(oracle.unsure || (oracle.valid && oracle.object));
  const auto model = scanner->value("model").value_or("");
  CHECK(request->model == model || (request->model.empty() && model == "null"));
  CHECK(request->prompts.empty() || request->token_prompts.empty());
  check_replaced(path, body, *request);
  return 0;
}
