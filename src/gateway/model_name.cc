#include "gateway/detail/model_name.h"

#include <algorithm>

#include "base/strings.h"
#include "payload/field_scanner.h"
#include "payload/inference_request.h"

namespace rage::gateway::detail {
namespace {

// A header's value, or nothing.
std::string usable(std::string model) {
  const bool clean =
      std::ranges::all_of(model, [](char c) { return (c >= ' ' || c < 0) && c != 0x7F; });
  return clean ? std::string(trim(model)) : std::string();
}

}  // namespace

std::string find_model_name(std::string_view target, std::string_view content_type,
                            std::string_view body) {
  if (content_type.find("multipart/") != content_type.npos) {
    auto request =
        payload::parse_inference_request(target.substr(0, target.find('?')), content_type, body);
    return request ? usable(std::move(request->model)) : std::string();
  }
  const auto scanner =
      payload::FieldScanner::create({"model"}, payload::FieldScanner::Duplicates::kLastWins);
  if (!scanner->feed(body) || !scanner->finish()) return {};
  return usable(scanner->value("model").value_or(""));
}

}  // namespace rage::gateway::detail
