#include "gatewayapi/regex.h"

#include <re2/re2.h>

namespace rage::gatewayapi {

Result<Regex> Regex::create(std::string_view pattern) {
  if (pattern.size() > kRegexBytesMax) {
    return fail(ErrorCode::kResourceExhausted, "a regular expression of {} bytes; at most {}",
                pattern.size(), kRegexBytesMax);
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryMax);
  // Header values are bytes; as UTF-8 an invalid one would match nothing at all.
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  auto compiled =
      std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled->ok()) {
    if (compiled->error_code() == re2::RE2::ErrorPatternTooLarge) {
      return fail(ErrorCode::kResourceExhausted,
                  "the regular expression is too large; simplify it");
    }
    return fail(ErrorCode::kInvalidArgument, "not a regular expression of RE2: {}",
                compiled->error());
  }
  if (compiled->ProgramSize() > kRegexInstructionsMax) {
    return fail(ErrorCode::kResourceExhausted,
                "the regular expression compiles to {} instructions; at most {}",
                compiled->ProgramSize(), kRegexInstructionsMax);
  }
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view text) const {
  if (compiled_ == nullptr) return false;
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace rage::gatewayapi
