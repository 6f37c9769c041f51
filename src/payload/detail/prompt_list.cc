#include "payload/detail/prompt_list.h"

#include "base/strings.h"

namespace rage::payload::detail {
namespace {

std::unexpected<Error> mixed() {
  return fail(ErrorCode::kInvalidArgument,
              "a prompt must be a string, a list of strings, a list of token ids or a list of such "
              "lists");
}

Result<void> read_text(JsonWalk& walk, std::vector<std::string>& texts) {
  if (walk.peek() != '"') return mixed();
  return walk.append_string(texts.emplace_back());
}

Result<void> read_id(JsonWalk& walk, std::vector<std::uint32_t>& ids) {
  const std::string_view token = walk.token();
  if (token.empty() || (token[0] != '-' && !is_ascii_digit(token[0]))) return mixed();
  if (!is_json_number(token)) return invalid_json("it has a bad number");
  const auto id = parse_uint(token);
  if (!id || *id > UINT32_MAX) {
    return fail(ErrorCode::kInvalidArgument, "token ids must be integers from 0 to 4294967295");
  }
  ids.push_back(static_cast<std::uint32_t>(*id));
  walk.advance();
  return {};
}

Result<void> read_ids(JsonWalk& walk, int depth, std::vector<std::uint32_t>& ids) {
  return for_each_element(walk, depth, [&] {
    walk.take_short_integers(ids);
    return read_id(walk, ids);
  });
}

// Decides by its first element what the list is.
Result<void> read_list(JsonWalk& walk, PromptList& prompts) {
  JsonWalk ahead = walk;
  ahead.advance();
  switch (ahead.peek()) {
    case ']':
      return walk.check_value(1);
    case '"':
      return for_each_element(walk, 2, [&] { return read_text(walk, prompts.texts); });
    case '[':
      return for_each_element(walk, 2, [&]() -> Result<void> {
        if (walk.peek() != '[') return mixed();
        return read_ids(walk, 3, prompts.ids.emplace_back());
      });
    default:
      break;
  }
  auto& ids = prompts.ids.emplace_back();
  ids.reserve(walk.tokens_left() / 2);  // Rarely does much follow a list of ids.
  return read_ids(walk, 2, ids);
}

}  // namespace

Result<void> read_prompts(JsonWalk& walk, PromptList& prompts) {
  if (walk.skip_null()) return {};
  if (walk.peek() == '[') return read_list(walk, prompts);
  return read_text(walk, prompts.texts);
}

}  // namespace rage::payload::detail
