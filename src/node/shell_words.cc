#include "node/detail/shell_words.h"

#include <utility>

namespace rage::node::detail {
namespace {

// Reads a script character by character.
class Reader final {
 public:
  explicit Reader(std::string_view script) : script_(script) {}

  std::vector<std::vector<std::string>> read() {
    for (at_ = 0; at_ < script_.size(); ++at_) take(script_[at_]);
    end_command();
    return std::move(commands_);
  }

 private:
  void take(char c) {
    if (c == '\'' || c == '"') {
      take_quoted(c);
    } else if (c == '\\' && at_ + 1 < script_.size()) {
      if (script_[++at_] == '\n') return;  // The line goes on.
      word_ += script_[at_];
      begun_ = true;
    } else if (c == ' ' || c == '\t') {
      end_word();
    } else if (c == '\n' || c == ';' || c == '&' || c == '|') {
      end_command();
    } else {
      word_ += c;
      begun_ = true;
    }
  }

  void take_quoted(char quote) {
    begun_ = true;
    for (++at_; at_ < script_.size() && script_[at_] != quote; ++at_) {
      const bool escaped = quote == '"' && script_[at_] == '\\' && at_ + 1 < script_.size() &&
                           (script_[at_ + 1] == '"' || script_[at_ + 1] == '\\');
      if (escaped) ++at_;
      word_ += script_[at_];
    }
  }

  void end_word() {
    if (std::exchange(begun_, false)) command_.push_back(std::exchange(word_, {}));
  }

  void end_command() {
    end_word();
    if (!command_.empty()) commands_.push_back(std::exchange(command_, {}));
  }

  const std::string_view script_;
  std::size_t at_ = 0;
  bool begun_ = false;  // A word may be empty: ''.
  std::string word_;
  std::vector<std::string> command_;
  std::vector<std::vector<std::string>> commands_;
};

}  // namespace

std::vector<std::vector<std::string>> shell_commands(std::string_view script) {
  return Reader(script).read();
}

}  // namespace rage::node::detail
