#include "payload/detail/prompt_list.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/strings.h"

namespace rage::payload::detail {
namespace {

std::unexpected<Error> bad_id() {
  return fail(ErrorCode::kInvalidArgument, "token ids must be integers from 0 to 4294967295");
}

std::unexpected<Error> mixed() {
  return fail(ErrorCode::kInvalidArgument,
              "a prompt must be a string, a list of strings, a list of token ids or a list of such "
              "lists");
}

// A token id of at most seven digits and the byte after it, without a branch a digit. None: look
// closer. At `text` eight bytes can be read.
std::optional<std::uint32_t> short_id(const char* text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::uint64_t word = 0;
  std::memcpy(&word, text, 8);
  word ^= kOnes * '0';
  // The lowest byte that is no digit is right; carries only disturb those above it.
  const std::uint64_t others = ((word + kOnes * 0x76) | word) & (kOnes * 0x80);
  if (others == 0) return std::nullopt;
  const auto digits = static_cast<unsigned>(std::countr_zero(others)) / 8;
  const char after = text[digits];
  const bool ends = after == ',' || after == ']' || is_json_space(after);
  const bool leading_zero = digits > 1 && text[0] == '0';
  if (digits == 0 || !ends || leading_zero) return std::nullopt;
  word <<= 8 * (8 - digits);
  // Digits to pairs, to fours, to eight.
  word = word * 10 + (word >> 8);
  constexpr std::uint64_t kMask = 0x000000FF000000FF;
  return static_cast<std::uint32_t>(
      ((word & kMask) * 0x000F424000000064 + ((word >> 16) & kMask) * 0x0000271000000001) >> 32);
}

Result<std::uint32_t> long_id(std::string_view token) {
  if (!is_json_number(token)) return invalid_json("it has a bad number or an unknown word");
  const auto id = parse_uint(token);
  if (!id || *id > UINT32_MAX) return bad_id();
  return static_cast<std::uint32_t>(*id);
}

// Guesses, once some ids are read, how many the rest of the body may hold.
void make_room(std::vector<std::uint32_t>& ids, const char* first, const char* now,
               std::size_t body_bytes) {
  constexpr std::size_t kSample = 4096;
  if (ids.size() != kSample) return;
  const auto bytes = static_cast<std::size_t>(now - first);
  const std::size_t guess = body_bytes / std::max<std::size_t>(bytes / kSample, 2);
  ids.reserve(std::min(guess + guess / 8, body_bytes / 2 + 1));
}

Result<std::vector<std::uint32_t>> read_ids(ondemand::array array) {
  std::vector<std::uint32_t> ids;
  for (auto item : array) {
    ondemand::value value;
    if (const auto code = std::move(item).get(value)) return invalid_json(code);
    const std::string_view token = value.raw_json_token();
    if (const auto id = short_id(token.data())) {
      ids.push_back(*id);
      continue;
    }
    const std::string_view trimmed = token_of(value);
    if (trimmed.starts_with('"') || trimmed.starts_with('[') || trimmed.starts_with('{')) {
      return mixed();
    }
    ASSIGN_OR_RETURN(const std::uint32_t id, long_id(trimmed));
    ids.push_back(id);
  }
  return ids;
}

// The elements of a list, whatever they are as long as all are the same.
class ListReader {
 public:
  ListReader(std::size_t body_bytes, PromptList& prompts)
      : body_bytes_(body_bytes), prompts_(prompts) {}

  Result<void> read(ondemand::array array) {
    for (auto item : array) {
      ondemand::value value;
      if (const auto code = std::move(item).get(value)) return invalid_json(code);
      const std::string_view token = value.raw_json_token();
      const auto id = short_id(token.data());
      if (id && !other_) {
        if (ids_.empty()) first_ = token.data();
        ids_.push_back(*id);
        make_room(ids_, first_, token.data(), body_bytes_);
        continue;
      }
      RETURN_IF_ERROR(read_other(value));
    }
    if (!ids_.empty()) prompts_.ids.push_back(std::move(ids_));
    return {};
  }

 private:
  Result<void> read_other(ondemand::value& value) {
    const std::string_view token = token_of(value);
    const char first = token.empty() ? '\0' : token.front();
    if (first != '"' && first != '[') {
      if (other_ || first == '{') return mixed();
      ASSIGN_OR_RETURN(const std::uint32_t id, long_id(token));
      ids_.push_back(id);
      return {};
    }
    if (!ids_.empty() || (other_ && *other_ != first)) return mixed();
    other_ = first;
    if (first == '"') {
      ASSIGN_OR_RETURN(const std::string_view raw, raw_string_of(value));
      append_unescaped(raw, &prompts_.texts.emplace_back());
      return {};
    }
    ondemand::array inner;
    if (const auto code = value.get_array().get(inner)) return invalid_json(code);
    ASSIGN_OR_RETURN(auto ids, read_ids(inner));
    prompts_.ids.push_back(std::move(ids));
    return {};
  }

  const std::size_t body_bytes_;
  PromptList& prompts_;
  std::vector<std::uint32_t> ids_;
  const char* first_ = nullptr;
  std::optional<char> other_;  // What the elements begin with, if they are no numbers.
};

}  // namespace

Result<void> read_prompts(ondemand::value value, std::size_t body_bytes, PromptList& prompts) {
  const std::string_view token = token_of(value);
  if (token == "null") return {};
  if (token.starts_with('"')) {
    ASSIGN_OR_RETURN(const std::string_view raw, raw_string_of(value));
    append_unescaped(raw, &prompts.texts.emplace_back());
    return {};
  }
  if (!token.starts_with('[')) return mixed();
  ondemand::array array;
  if (const auto code = value.get_array().get(array)) return invalid_json(code);
  return ListReader(body_bytes, prompts).read(array);
}

}  // namespace rage::payload::detail
