#include "payload/multipart.h"

#include <optional>
#include <utility>

#include "base/strings.h"
#include "payload/detail/header_value.h"

namespace rage::payload {
namespace {

constexpr std::size_t kPartsMax = 1024;
constexpr std::size_t kHeaderBytesMax = 8192;
constexpr std::size_t kBoundaryBytesMax = 70;  // RFC 2046.
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kFormType = "multipart/form-data";

std::unexpected<Error> bad_form(std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "body is not a valid form: {}", why);
}

Result<std::string> boundary_of(std::string_view content_type) {
  const auto type = detail::parse_header_value(content_type);
  if (!type || type->value != kFormType) return bad_form("its content type is malformed");
  const std::string* boundary = type->find("boundary");
  if (boundary == nullptr || boundary->empty() || boundary->size() > kBoundaryBytesMax) {
    return bad_form("its content type has no boundary of 1 to 70 characters");
  }
  for (const char c : *boundary) {
    if (c <= ' ' || c > '~') return bad_form("its boundary has a character that is not allowed");
  }
  return *boundary;
}

class FormReader {
 public:
  FormReader(std::string_view body, std::string_view boundary)
      : body_(body), delimiter_("\r\n--" + std::string(boundary)) {}

  Result<std::vector<FormPart>> read() {
    if (body_.starts_with(kLineEnd)) at_ = kLineEnd.size();
    if (!body_.substr(at_).starts_with(delimiter_.substr(2))) {
      return bad_form("it does not begin with its boundary");
    }
    at_ += delimiter_.size() - 2;
    std::vector<FormPart> parts;
    while (true) {
      ASSIGN_OR_RETURN(const bool last, end_delimiter());
      if (last) return parts;
      if (parts.size() == kPartsMax) return bad_form("it has more than 1,024 parts");
      ASSIGN_OR_RETURN(FormPart part, read_part());
      parts.push_back(std::move(part));
    }
  }

 private:
  // After a boundary: "--" for the last one, or the end of its line.
  Result<bool> end_delimiter() {
    const std::string_view rest = body_.substr(at_);
    if (rest.starts_with("--") && trim(rest.substr(2)).empty()) return true;
    const std::size_t padding = rest.find_first_not_of(" \t");
    if (padding == std::string_view::npos || !rest.substr(padding).starts_with(kLineEnd)) {
      return bad_form("a line begins like its boundary and is none");
    }
    at_ += padding + kLineEnd.size();
    return false;
  }

  Result<FormPart> read_part() {
    FormPart part;
    std::optional<detail::HeaderValue> disposition;
    const std::size_t begin = at_;
    while (true) {
      ASSIGN_OR_RETURN(const std::string_view line, header_line(begin));
      if (line.empty()) break;
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos || colon == 0 || is_ascii_space(line.front())) {
        return bad_form("a part has a malformed header");
      }
      const std::string name = to_lower_ascii(trim(line.substr(0, colon)));
      const std::string_view value = line.substr(colon + 1);
      if (name == "content-disposition") {
        if (disposition) return bad_form("a part has two dispositions");
        disposition = detail::parse_header_value(value);
        if (!disposition) return bad_form("a part has a malformed disposition");
      } else if (name == "content-transfer-encoding" && !is_identity(value)) {
        return bad_form("a part has a transfer encoding");
      }
    }
    const std::string* field = disposition ? disposition->find("name") : nullptr;
    if (field == nullptr || disposition->value != "form-data" ||
        disposition->find("name*") != nullptr) {
      return bad_form("a part has no name");
    }
    part.name = *field;
    part.is_file =
        disposition->find("filename") != nullptr || disposition->find("filename*") != nullptr;
    if (body_.substr(at_).starts_with(std::string_view(delimiter_).substr(kLineEnd.size()))) {
      return bad_form("a part has headers and no content");
    }
    const std::size_t end = body_.find(delimiter_, at_);
    if (end == std::string_view::npos) return bad_form("its last boundary is missing");
    part.content = {.begin = at_, .end = end};
    at_ = end + delimiter_.size();
    return part;
  }

  static bool is_identity(std::string_view encoding) {
    const std::string lower = to_lower_ascii(trim(encoding));
    return lower == "7bit" || lower == "8bit" || lower == "binary";
  }

  // Without its end; empty after the last header.
  Result<std::string_view> header_line(std::size_t begin) {
    const std::string_view rest = body_.substr(at_, kHeaderBytesMax);
    const std::size_t end = rest.find(kLineEnd);
    if (end == std::string_view::npos || at_ + end - begin > kHeaderBytesMax) {
      return bad_form("a part's headers do not end, or are too long");
    }
    at_ += end + kLineEnd.size();
    return rest.substr(0, end);
  }

  const std::string_view body_;
  const std::string delimiter_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_form(std::string_view content_type) {
  return equals_ignoring_case(trim(content_type.substr(0, content_type.find(';'))), kFormType);
}

Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body) {
  ASSIGN_OR_RETURN(const std::string boundary, boundary_of(content_type));
  return FormReader(body, boundary).read();
}

}  // namespace rage::payload
