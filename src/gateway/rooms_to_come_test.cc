// Stands in for rooms that are not merged yet; goes when they are.
#include "codec/json.h"
#include "gatewayapi/route_table.h"
#include "payload/field_scanner.h"
#include "payload/inference_request.h"

namespace rage::gatewayapi {

const Backend* choose_backend(const Rule& rule, double random) {
  double all = 0;
  for (const Backend& backend : rule.backends) all += backend.weight;
  double at = random * all;
  for (const Backend& backend : rule.backends) {
    at -= backend.weight;
    if (at < 0) return &backend;
  }
  return nullptr;
}

}  // namespace rage::gatewayapi

namespace rage::payload {
namespace {

class Scanner final : public FieldScanner {
 public:
  Result<void> feed(std::string_view bytes) override {
    text_ += bytes;
    return {};
  }
  Result<void> finish() override {
    ASSIGN_OR_RETURN(json_, codec::parse_json(text_));
    return {};
  }
  bool done() const override { return false; }
  std::optional<std::string> value(std::string_view field) const override {
    return codec::string_or(json_, field, "");
  }

 private:
  std::string text_;
  codec::Json json_;
};

}  // namespace

std::unique_ptr<FieldScanner> FieldScanner::create(std::vector<std::string>, Duplicates) {
  return std::make_unique<Scanner>();
}

Api api_of(std::string_view path) {
  return path.ends_with("/completions") ? Api::kCompletions : Api::kUnknown;
}

Result<InferenceRequest> parse_inference_request(std::string_view, std::string_view,
                                                 std::string_view) {
  return fail(ErrorCode::kInvalidArgument, "no multipart here");
}

}  // namespace rage::payload
