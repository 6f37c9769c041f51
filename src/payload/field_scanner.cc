#include "payload/field_scanner.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "payload/detail/json_machine.h"

namespace rage::payload {
namespace {

using detail::JsonMachine;

class Scanner final : public FieldScanner {
 public:
  Scanner(std::vector<std::string> fields, Duplicates duplicates)
      : duplicates_(duplicates), values_(fields.size()), fields_(std::move(fields)) {
    std::size_t longest = 0;
    for (const std::string& field : fields_) longest = std::max(longest, field.size());
    key_bytes_max_ = 6 * longest + 1;  // "\u006d" may stand for "m"; and the closing quote.
    machine_.watch(1);
  }

  Result<void> feed(std::string_view bytes) override {
    while (!error_) {
      const JsonMachine::Step step = machine_.run(bytes);
      keep(bytes.substr(0, step.consumed));
      bytes.remove_prefix(step.consumed);
      if (error_ || step.event == JsonMachine::Event::kMore) break;
      handle(step.event, bytes);
    }
    return status();
  }

  Result<void> finish() override {
    if (!error_ && !machine_.finish()) handle(JsonMachine::Event::kFailed, {});
    return status();
  }

  bool done() const override {
    if (error_) return false;
    if (complete_) return true;
    return duplicates_ == Duplicates::kFirstWins &&
           std::ranges::all_of(values_, [](const auto& value) { return value.has_value(); });
  }

  std::optional<std::string> value(std::string_view field) const override {
    const auto at = std::ranges::find(fields_, field);
    return at == fields_.end() ? std::nullopt
                               : values_[static_cast<std::size_t>(at - fields_.begin())];
  }

 private:
  enum class Capture { kNothing, kKey, kValue };

  Result<void> status() const {
    if (error_) return fail(*error_);
    return {};
  }

  void keep(std::string_view bytes) {
    if (capture_ == Capture::kNothing) return;
    if (capture_ == Capture::kKey && text_.size() + bytes.size() > key_bytes_max_) {
      capture_ = Capture::kNothing;
    } else if (text_.size() + bytes.size() > kValueBytesMax) {
      error_ = Error{ErrorCode::kResourceExhausted, "\"" + fields_[field_] + "\" is too long"};
    } else {
      text_ += bytes;
    }
  }

  void handle(JsonMachine::Event event, std::string_view rest) {
    switch (event) {
      case JsonMachine::Event::kMore:
        return;
      case JsonMachine::Event::kKeyBegin:
        text_.clear();
        capture_ = Capture::kKey;
        return;
      case JsonMachine::Event::kKeyEnd:
        return end_key();
      case JsonMachine::Event::kValueBegin:
        if (machine_.depth() == 0 && !rest.starts_with('{')) {
          error_ = Error{ErrorCode::kInvalidArgument, "body is not a JSON object"};
        }
        text_.clear();
        if (std::exchange(wanted_, false)) capture_ = Capture::kValue;
        return;
      case JsonMachine::Event::kValueEnd:
        complete_ = machine_.depth() == 0;
        return end_value();
      case JsonMachine::Event::kFailed:
        error_ = Error{ErrorCode::kInvalidArgument,
                       "body is not valid JSON: " + std::string(machine_.failure())};
    }
  }

  void end_key() {
    const bool whole = std::exchange(capture_, Capture::kNothing) == Capture::kKey;
    if (!whole) return;
    text_.pop_back();  // The quote.
    std::string key;
    CHECK(detail::append_unescaped(text_, &key));
    const auto at = std::ranges::find(fields_, key);
    if (at == fields_.end()) return;
    field_ = static_cast<std::size_t>(at - fields_.begin());
    if (values_[field_] && duplicates_ == Duplicates::kRefused) {
      error_ = Error{ErrorCode::kInvalidArgument, "\"" + key + "\" stands twice in the body"};
    }
    if (values_[field_] && duplicates_ == Duplicates::kFirstWins) return;
    wanted_ = true;
  }

  void end_value() {
    if (std::exchange(capture_, Capture::kNothing) != Capture::kValue) return;
    if (!text_.starts_with('"')) {
      values_[field_] = text_;
      return;
    }
    std::string unescaped;
    CHECK(
        detail::append_unescaped(std::string_view(text_).substr(1, text_.size() - 2), &unescaped));
    values_[field_] = std::move(unescaped);
  }

  const Duplicates duplicates_;
  std::vector<std::optional<std::string>> values_;
  std::vector<std::string> fields_;
  std::size_t key_bytes_max_ = 0;
  JsonMachine machine_;
  Capture capture_ = Capture::kNothing;
  bool wanted_ = false;    // The value that begins next.
  std::size_t field_ = 0;  // Whose value is captured.
  std::string text_;       // What is captured, as written.
  bool complete_ = false;
  std::optional<Error> error_;
};

}  // namespace

std::unique_ptr<FieldScanner> FieldScanner::create(std::vector<std::string> fields,
                                                   Duplicates duplicates) {
  return std::make_unique<Scanner>(std::move(fields), duplicates);
}

}  // namespace rage::payload
