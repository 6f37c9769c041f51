#include "embed/remote_protocol.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "codec/json.h"

namespace rage::embed {
namespace {

using codec::Json;
using std::chrono::milliseconds;

constexpr std::size_t kDimensionMax = 65'536;
constexpr std::size_t kShownErrorBytes = 300;
constexpr std::size_t kLettersOfAToken = 4;
constexpr milliseconds kBackoffFirst{250};
constexpr milliseconds kBackoffMax{8'000};
constexpr milliseconds kAskedMax{10'000};
constexpr std::uint64_t kRetryAfterSecondsMax = 3'600;

std::unexpected<Error> unreadable(std::string_view why) {
  return fail(ErrorCode::kDataLoss, "the embedding service's reply cannot be used: {}", why);
}

// Appends the vector, scaled to length 1. All rows of a reply have one length.
Result<void> append_row(const Json& numbers, EmbeddingMatrix& matrix) {
  if (!numbers.is_array() || numbers.empty() || numbers.size() > kDimensionMax) {
    return unreadable("an embedding is no list of numbers");
  }
  if (matrix.dimension == 0) matrix.dimension = numbers.size();
  if (numbers.size() != matrix.dimension) return unreadable("its vectors differ in length");
  double squares = 0;
  for (const Json& number : numbers) {
    if (!number.is_number()) return unreadable("an embedding is no list of numbers");
    squares += number.get<double>() * number.get<double>();
  }
  if (!std::isfinite(squares) || squares < std::numeric_limits<float>::min()) {
    return unreadable("a vector has no direction");
  }
  const double scale = 1.0 / std::sqrt(squares);
  for (const Json& number : numbers) {
    matrix.values.push_back(static_cast<float>(number.get<double>() * scale));
  }
  ++matrix.rows;
  return {};
}

// {"error": {"message"}}, {"error": "..."}, {"detail": "..."}, {"message": "..."}, or the bytes.
std::string error_text(std::string_view body) {
  const auto parsed = codec::parse_json(body);
  std::string text(body);
  if (parsed && parsed->is_object()) {
    const Json* error = codec::find_key(*parsed, "error");
    if (error != nullptr && error->is_string()) text = error->get<std::string>();
    if (error != nullptr && error->is_object()) text = codec::string_or(*error, "message", body);
    if (error == nullptr) {
      text = codec::string_or(*parsed, "detail", codec::string_or(*parsed, "message", body));
    }
  }
  // Rendering mends what is no UTF-8, and a cut in the middle of a character.
  std::string shown = codec::render_json(text.substr(0, kShownErrorBytes));
  return shown.substr(1, shown.size() - 2);
}

bool is_letter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Walks over `text` and ends where one more token would be more than `tokens_max`.
std::pair<std::size_t, std::size_t> count_up_to(std::string_view text, std::size_t tokens_max) {
  std::size_t tokens = 0;
  std::size_t letters = 0;  // Of the token that the word is in.
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (is_continuation(c)) continue;
    const bool letter = is_letter(c);
    const bool begins = letter ? letters == 0 : static_cast<unsigned char>(c) > ' ';
    if (begins && tokens == tokens_max) break;
    tokens += begins ? 1 : 0;
    letters = letter ? (letters + 1) % kLettersOfAToken : 0;
  }
  return {tokens, i};
}

}  // namespace

std::optional<RemoteApi> parse_remote_api(std::string_view name, std::string_view url) {
  if (name == "openai") return RemoteApi::kOpenAi;
  if (name == "kaito") return RemoteApi::kKaito;
  if (name != "auto") return std::nullopt;
  std::string_view path = url.substr(0, url.find_first_of("?#"));
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.ends_with("/embeddings") ? RemoteApi::kOpenAi : RemoteApi::kKaito;
}

std::string render_openai_request(std::string_view model, std::span<const std::string> texts,
                                  TextKind kind, bool with_kind) {
  Json body = Json::object();
  if (!model.empty()) body["model"] = model;
  body["input"] = Json::array();
  for (const std::string& text : texts) body["input"].push_back(text);
  body["encoding_format"] = "float";
  if (with_kind) body["input_type"] = kind == TextKind::kQuery ? "query" : "passage";
  return codec::render_json(body);
}

std::string render_kaito_request(std::span<const std::string> texts) {
  Json inputs = Json::array();
  for (const std::string& text : texts) inputs.push_back(text);
  return codec::render_json({{"inputs", texts.size() == 1 ? inputs[0] : inputs}});
}

Result<RemoteVectors> parse_openai_reply(std::string_view body, std::size_t texts) {
  const auto parsed = codec::parse_json(body);
  const Json* data = parsed ? codec::find_key(*parsed, "data") : nullptr;
  if (data == nullptr || !data->is_array()) return unreadable("it has no list \"data\"");
  if (data->size() != texts) return unreadable("it has not one embedding a text");
  std::vector<const Json*> ordered(texts, nullptr);
  for (std::size_t i = 0; i < texts; ++i) {
    const double place = codec::number_or((*data)[i], "index", static_cast<double>(i));
    const Json* vector = codec::find_key((*data)[i], "embedding");
    if (!(place >= 0) || place >= static_cast<double>(texts) || vector == nullptr) {
      return unreadable("it has not one embedding a text");
    }
    ordered[static_cast<std::size_t>(place)] = vector;
  }
  RemoteVectors found{.vectors = {}, .model = codec::string_or(*parsed, "model", "")};
  for (const Json* vector : ordered) {
    if (vector == nullptr) return unreadable("it has not one embedding a text");
    RETURN_IF_ERROR(append_row(*vector, found.vectors));
  }
  return found;
}

Result<RemoteVectors> parse_kaito_reply(std::string_view body, std::size_t texts) {
  const auto parsed = codec::parse_json(body);
  if (!parsed || !parsed->is_array() || parsed->empty()) {
    return unreadable("a list was expected");
  }
  RemoteVectors found;
  if (texts == 1 && !(*parsed)[0].is_array()) {
    RETURN_IF_ERROR(append_row(*parsed, found.vectors));
    return found;
  }
  if (parsed->size() != texts) return unreadable("it has not one embedding a text");
  for (const Json& vector : *parsed) RETURN_IF_ERROR(append_row(vector, found.vectors));
  return found;
}

Error remote_error(int status, std::string_view body, std::string_view retry_after) {
  Error error{.code = ErrorCode::kUnavailable,
              .message = fmt::format("the embedding service answered {}: {}", status,
                                     body.empty() ? "nothing" : error_text(body))};
  if (status == 401 || status == 403) {
    error.message += ". Set its key with REMOTE_EMBEDDING_ACCESS_SECRET or --embedder-token";
  }
  if (status == 404) error.message += ". Is the address of the embedder right, with its path?";
  if (status == 400 || status == 413 || status == 422) error.code = ErrorCode::kInvalidArgument;
  if (status == 429) error.code = ErrorCode::kResourceExhausted;
  if (const auto seconds = parse_uint(trim(retry_after)); seconds) {
    error.retry_after = std::chrono::seconds(std::min(*seconds, kRetryAfterSecondsMax));
  } else if (status == 429) {
    error.retry_after = milliseconds(1'000);
  }
  return error;
}

bool is_worth_retrying(const Error& error, int status) {
  if (status == 0) {
    return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kDeadlineExceeded ||
           error.code == ErrorCode::kDataLoss;
  }
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501);
}

milliseconds backoff_before(int attempt, std::optional<milliseconds> asked, double spread) {
  milliseconds wait = kBackoffFirst;
  for (int i = 2; i < attempt && wait < kBackoffMax; ++i) wait *= 2;
  wait = std::min(wait, kBackoffMax);
  wait -= std::chrono::duration_cast<milliseconds>(wait * (std::clamp(spread, 0.0, 1.0) / 2));
  return asked ? std::max(wait, std::min(*asked, kAskedMax)) : wait;
}

std::size_t estimate_tokens(std::string_view text) {
  return count_up_to(text, std::numeric_limits<std::size_t>::max()).first;
}

std::string_view cut_at_tokens(std::string_view text, std::size_t tokens_max) {
  return text.substr(0, count_up_to(text, tokens_max).second);
}

std::string shown_url(std::string_view url) {
  std::string_view shown = url.substr(0, url.find_first_of("?#"));
  const std::size_t scheme = shown.find("://");
  if (scheme == std::string_view::npos) return std::string(shown);
  std::string_view rest = shown.substr(scheme + 3);
  const std::string_view authority = rest.substr(0, rest.find('/'));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    rest.remove_prefix(at + 1);
  }
  return std::string(shown.substr(0, scheme + 3)) + std::string(rest);
}

}  // namespace rage::embed
