#include "payload/detail/json_walk.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

namespace rage::payload::detail {
namespace {

constexpr std::size_t kKeptBytesMax = std::size_t{16} << 20;

using Indexer = simdjson::internal::dom_parser_implementation;

std::unexpected<Error> too_long() {
  return fail(ErrorCode::kResourceExhausted, "body is too long");
}

std::unexpected<Error> unreadable(simdjson::error_code code) {
  switch (code) {
    case simdjson::EMPTY:
      return fail(ErrorCode::kInvalidArgument, "body is empty");
    case simdjson::UTF8_ERROR:
      return invalid_json("it is not UTF-8");
    case simdjson::UNCLOSED_STRING:
      return invalid_json("a string does not end");
    case simdjson::UNESCAPED_CHARS:
      return invalid_json("a string has a control character");
    default:
      return too_long();
  }
}

// Room in powers of two, so that growing bodies do not allocate each time.
simdjson::error_code make_room(std::unique_ptr<Indexer>& indexer, std::size_t bytes) {
  const std::size_t capacity = std::bit_ceil(std::max(bytes, std::size_t{4096}));
  if (indexer) return indexer->set_capacity(capacity);
  return simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, 1,
                                                                                 indexer);
}

Result<void> walk(std::string_view body, const Indexer& indexer,
                  const std::function<Result<void>(JsonWalk&)>& read_object) {
  JsonWalk tokens(body, indexer.structural_indexes.get(), indexer.n_structural_indexes);
  if (tokens.peek() != '{') {
    return fail(ErrorCode::kInvalidArgument, "body is not a JSON object");
  }
  RETURN_IF_ERROR(read_object(tokens));
  if (!tokens.at_end()) return invalid_json("something follows it");
  return {};
}

constexpr std::uint64_t kOneInEachByte = 0x0101010101010101;

// Of the eight bytes of `word`, each a character XOR '0', how many at its start are digits.
unsigned count_digits(std::uint64_t word) {
  // The lowest byte that is no digit is found right; carries only disturb those above it.
  const std::uint64_t others = ((word + kOneInEachByte * 0x76) | word) & (kOneInEachByte * 0x80);
  return static_cast<unsigned>(std::countr_zero(others)) / 8;
}

// One to seven of them as a number, without a branch a digit.
std::uint32_t parse_digits(std::uint64_t word, unsigned digits) {
  constexpr std::uint64_t kMask = 0x000000FF000000FF;
  word <<= 8 * (8 - digits);
  word = word * 10 + (word >> 8);  // Pairs; below fours, then eight.
  return static_cast<std::uint32_t>(
      ((word & kMask) * 0x000F424000000064 + ((word >> 16) & kMask) * 0x0000271000000001) >> 32);
}

}  // namespace

std::unexpected<Error> invalid_json(std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "body is not valid JSON: {}", why);
}

Result<void> check_depth(int depth) {
  if (depth > kDepthMax) return invalid_json("it nests more than 64 levels");
  return {};
}

Result<bool> JsonWalk::next_element(char close) {
  const char c = peek();
  if (c != ',' && c != close) return invalid_json("a comma or a bracket is missing");
  advance();
  return c == ',';
}

// Reads a string; its escapes are not looked at.
Result<std::string_view> JsonWalk::quoted() {
  const std::string_view text = token();
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') {
    return invalid_json("a string is missing");
  }
  advance();
  return text.substr(1, text.size() - 2);
}

Result<std::string_view> JsonWalk::raw_string() {
  ASSIGN_OR_RETURN(const std::string_view text, quoted());
  if (!append_unescaped(text, nullptr)) return invalid_json("it has an unknown escape");
  return text;
}

Result<void> JsonWalk::append_string(std::string& out) {
  ASSIGN_OR_RETURN(const std::string_view text, quoted());
  if (!append_unescaped(text, &out)) return invalid_json("it has an unknown escape");
  return {};
}

Result<std::string_view> JsonWalk::name(std::string& unescaped) {
  if (peek() != '"') return invalid_json("a member's name is missing");
  ASSIGN_OR_RETURN(std::string_view name, raw_string());
  if (peek() != ':') return invalid_json("a colon is missing");
  advance();
  if (!name.contains('\\')) return name;
  unescaped.clear();
  append_unescaped(name, &unescaped);
  return std::string_view(unescaped);
}

bool JsonWalk::skip_null() {
  if (peek() != 'n' || token() != "null") return false;
  advance();
  return true;
}

Result<void> JsonWalk::check_value(int depth) {
  switch (peek()) {
    case '{':
      return for_each_member(*this, depth + 1,
                             [&](std::string_view) { return check_value(depth + 1); });
    case '[':
      return for_each_element(*this, depth + 1, [&] { return check_value(depth + 1); });
    case '"':
      RETURN_IF_ERROR(raw_string());
      return {};
    default:
      break;
  }
  const std::string_view word = token();
  if (word != "true" && word != "false" && word != "null" && !is_json_number(word)) {
    return invalid_json("it has a bad number, an unknown word or no value");
  }
  advance();
  return {};
}

Result<void> JsonWalk::copy_value(int depth, std::string& compact) {
  const std::uint32_t* const begin = at_;
  RETURN_IF_ERROR(check_value(depth));
  for (const std::uint32_t* token = begin; token != at_; ++token) compact += token_at(token);
  return {};
}

void JsonWalk::take_short_integers(std::vector<std::uint32_t>& integers) {
  // Not one by one into the vector: each would wait for the last one's store of its end.
  std::array<std::uint32_t, 512> block;
  std::size_t count = block.size();
  while (count == block.size()) {
    count = read_short_integers(block);
    integers.insert(integers.end(), block.begin(),
                    block.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

std::size_t JsonWalk::read_short_integers(std::span<std::uint32_t> integers) {
  const std::uint32_t* at = at_;
  std::size_t count = 0;
  for (; count < integers.size() && end_ - at >= 2 && at[0] + 8 <= text_.size(); at += 2) {
    std::uint64_t word = 0;
    std::memcpy(&word, text_.data() + at[0], sizeof word);
    word ^= kOneInEachByte * '0';
    const unsigned digits = count_digits(word);
    const bool leading_zero = digits > 1 && (word & 0xFF) == 0;
    if (digits - 1 > 6 || digits != at[1] - at[0] || leading_zero || text_[at[1]] != ',') break;
    integers[count++] = parse_digits(word, digits);
  }
  at_ = at;
  return count;
}

Result<void> read_body(std::string_view body,
                       const std::function<Result<void>(JsonWalk& walk)>& read_object) {
  if (body.empty()) return unreadable(simdjson::EMPTY);
  thread_local std::unique_ptr<Indexer> indexer;
  if (!indexer || indexer->capacity() < body.size()) {
    if (make_room(indexer, body.size()) != simdjson::SUCCESS) return too_long();
  }
  const auto code = indexer->stage1(reinterpret_cast<const std::uint8_t*>(body.data()), body.size(),
                                    simdjson::stage1_mode::regular);
  const Result<void> read = code ? unreadable(code) : walk(body, *indexer, read_object);
  if (body.size() > kKeptBytesMax) indexer.reset();
  return read;
}

}  // namespace rage::payload::detail
