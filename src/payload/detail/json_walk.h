// A whole JSON body, read once from front to back. simdjson finds its tokens (and checks UTF-8 and
// where strings end); what they mean is looked at on demand, without a tree. simdjson's own
// on-demand parser is not used: it skips what nobody reads unseen, wants padding behind the body,
// and takes half as long again over a list of token ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "payload/detail/json_text.h"

namespace rage::payload::detail {

std::unexpected<Error> invalid_json(std::string_view why);

// The tokens of a body that is parsed: braces, brackets, commas, colons, strings and other words.
// Whatever reads a value leaves the walk behind it. One thread; lives as long as the callback of
// read_body().
class JsonWalk {
 public:
  // `tokens`: where each begins in `text`, in order.
  JsonWalk(std::string_view text, const std::uint32_t* tokens, std::size_t count)
      : text_(text), at_(tokens), end_(tokens + count) {}

  bool at_end() const { return at_ == end_; }
  // The first byte of the next token; at the end '\0'.
  char peek() const { return at_end() ? '\0' : text_[*at_]; }
  // The next token, without the white space behind it; at the end empty.
  std::string_view token() const { return at_end() ? std::string_view() : token_at(at_); }
  void advance() {
    if (!at_end()) ++at_;
  }
  // Where the next token begins in the body.
  std::size_t offset() const { return at_end() ? text_.size() : *at_; }
  std::size_t tokens_left() const { return static_cast<std::size_t>(end_ - at_); }

  // Reads "," or ends the container with `close`. True: an element follows.
  Result<bool> next_element(char close);
  // Reads a string; gives what is between its quotes. Escapes are checked.
  Result<std::string_view> raw_string();
  // Reads a string, unescaped behind `out`.
  Result<void> append_string(std::string& out);
  // Reads a member's name and the colon. The name is unescaped, into `unescaped` if need be.
  Result<std::string_view> name(std::string& unescaped);
  // Reads `null` if it is next.
  bool skip_null();
  // Reads a value that stands in `depth` containers.
  Result<void> check_value(int depth);
  // The same; `compact` gets the value without the white space between its tokens.
  Result<void> copy_value(int depth, std::string& compact);
  // Reads integers, each with the comma behind it, as long as they have one to seven digits and
  // nothing stands between. The next token is an element; afterwards another one is.
  void take_short_integers(std::vector<std::uint32_t>& integers);

 private:
  Result<std::string_view> quoted();
  std::size_t read_short_integers(std::span<std::uint32_t> integers);
  std::string_view token_at(const std::uint32_t* at) const {
    const std::size_t end = at + 1 == end_ ? text_.size() : at[1];
    std::string_view token = text_.substr(*at, end - *at);
    while (is_json_space(token.back())) token.remove_suffix(1);  // It does not begin with one.
    return token;
  }

  const std::string_view text_;
  const std::uint32_t* at_;
  const std::uint32_t* const end_;
};

// Whether `depth` containers may be open.
Result<void> check_depth(int depth);

// Reads an object, calling on_member(name) -> Result<void> for each member, which reads its value.
// A name lives until the callback returns.
template <class OnMember>
Result<void> for_each_member(JsonWalk& walk, int depth, OnMember&& on_member) {
  RETURN_IF_ERROR(check_depth(depth));
  walk.advance();
  if (walk.peek() == '}') {
    walk.advance();
    return {};
  }
  std::string unescaped;
  while (true) {
    ASSIGN_OR_RETURN(const std::string_view name, walk.name(unescaped));
    RETURN_IF_ERROR(on_member(name));
    ASSIGN_OR_RETURN(const bool more, walk.next_element('}'));
    if (!more) return {};
  }
}

// Reads an array, calling on_element() -> Result<void> for each element, which reads it.
template <class OnElement>
Result<void> for_each_element(JsonWalk& walk, int depth, OnElement&& on_element) {
  RETURN_IF_ERROR(check_depth(depth));
  walk.advance();
  if (walk.peek() == ']') {
    walk.advance();
    return {};
  }
  while (true) {
    RETURN_IF_ERROR(on_element());
    ASSIGN_OR_RETURN(const bool more, walk.next_element(']'));
    if (!more) return {};
  }
}

// Calls read_object once, at the object that `body` must be and nothing else. The index of tokens
// is kept once a thread, up to bodies of 16 MiB. kResourceExhausted: over 2 GiB, or no memory.
Result<void> read_body(std::string_view body,
                       const std::function<Result<void>(JsonWalk& walk)>& read_object);

}  // namespace rage::payload::detail
