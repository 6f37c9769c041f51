#include "guardrails/stage.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "guardrails/text_tokens.h"
#include "guardrails/window.h"
#include "text/printable.h"
#include "text/unicode.h"

namespace rage::guardrails {
namespace {

// What all stages share.
class BaseStage : public Stage {
 public:
  explicit BaseStage(Action action) : action_(action) {}
  bool hit() const final { return hit_; }
  bool blocked() const final { return blocked_; }

 protected:
  // True if the text ends here.
  bool found() {
    hit_ = true;
    blocked_ = action_ == Action::kBlock;
    return blocked_;
  }

 private:
  const Action action_;
  bool hit_ = false;
  bool blocked_ = false;
};

class FinderStage final : public BaseStage {
 public:
  FinderStage(Finder finder, Action action, Replace replace)
      : BaseStage(action), window_(std::move(finder)), replace_(std::move(replace)) {}

  void feed(std::string_view text, std::string& out) override { take(window_.feed(text), out); }
  void finish(std::string& out) override { take(window_.finish(), out); }

 private:
  void take(const std::vector<Piece>& pieces, std::string& out) {
    for (const Piece& piece : pieces) {
      if (blocked() || (piece.found && found())) return;
      out += piece.found ? replace_(piece.kind, piece.text) : piece.text;
    }
  }

  Window window_;
  const Replace replace_;
};

// The values found so far, each only once and only as many as may be looked for cheaply.
class KnownValues final {
 public:
  // True if there is a new one.
  bool add(const std::string& value) {
    if (value.size() < kBytesMin || value.size() > kBytesMax || values_.size() >= kValuesMax) {
      return false;
    }
    if (std::ranges::find(values_, value) != values_.end()) return false;
    values_.push_back(value);
    std::ranges::sort(values_, std::ranges::greater(), &std::string::size);
    return true;
  }
  Finder finder() const {
    std::vector<Detector> detectors;
    for (const std::string& value : values_) {
      detectors.push_back({.pattern = re2::RE2::QuoteMeta(value)});
    }
    auto finder = Finder::create(std::move(detectors));
    return finder ? *finder : *Finder::create({});
  }

 private:
  static constexpr std::size_t kBytesMin = 6;
  static constexpr std::size_t kBytesMax = 256;
  static constexpr std::size_t kValuesMax = 64;
  std::vector<std::string> values_;
};

class SecretsStage final : public BaseStage {
 public:
  SecretsStage(Finder finder, Action action, Replace replace)
      : BaseStage(action),
        window_(std::move(finder)),
        again_(*Finder::create({})),
        replace_(std::move(replace)) {}

  void feed(std::string_view text, std::string& out) override { take(window_.feed(text), out); }
  void finish(std::string& out) override {
    take(window_.finish(), out);
    if (!blocked()) write(again_.finish(), out);
  }

 private:
  void take(const std::vector<Piece>& pieces, std::string& out) {
    for (const Piece& piece : pieces) {
      if (blocked()) return;
      if (!piece.found) {
        write(again_.feed(piece.text), out);
        continue;
      }
      if (found()) {
        write(again_.finish(), out);
        return;
      }
      // What stands before it is decided by what was known there, however the text is cut.
      if (known_.add(piece.text)) write(again_.change(known_.finder()), out);
      write(again_.feed(replace_(piece.kind, piece.text)), out);
    }
  }
  void write(const std::vector<Piece>& pieces, std::string& out) {
    for (const Piece& piece : pieces) {
      out += piece.found ? replace_(piece.kind, piece.text) : piece.text;
    }
  }

  Window window_;
  Window again_;
  KnownValues known_;
  const Replace replace_;
};

class WholeStage final : public BaseStage {
 public:
  WholeStage(WholeScan scan, Action action) : BaseStage(action), scan_(std::move(scan)) {}

  void feed(std::string_view text, std::string&) override { text_ += text; }
  void finish(std::string& out) override {
    WholeVerdict verdict = scan_(text_);
    if (verdict.hit && found()) return;
    out += verdict.replaced ? *verdict.replaced : text_;
    text_.clear();
  }

 private:
  const WholeScan scan_;
  std::string text_;
};

class InvisibleStage final : public BaseStage {
 public:
  using BaseStage::BaseStage;

  void feed(std::string_view text, std::string& out) override {
    for (std::size_t at = 0; at < text.size() && !blocked();) {
      const std::size_t begin = at;
      if (text::is_invisible(text::next_code_point(text, at))) {
        (void)found();
      } else {
        out += text.substr(begin, at - begin);
      }
    }
  }
  void finish(std::string&) override {}
};

class TokenStage final : public BaseStage {
 public:
  TokenStage(std::size_t limit, Action action) : BaseStage(action), limit_(limit) {}

  void feed(std::string_view text, std::string& out) override {
    for (std::size_t at = 0; at < text.size() && !blocked();) {
      const std::size_t begin = at;
      if (counter_.begins_token(text::next_code_point(text, at)) && counter_.count() >= limit_ &&
          found()) {
        return;
      }
      if (counter_.count() <= limit_) out += text.substr(begin, at - begin);
    }
  }
  void finish(std::string&) override {}

 private:
  const std::size_t limit_;
  TokenCounter counter_;
};

}  // namespace

std::string_view name_of(Action action) {
  return action == Action::kBlock ? "block" : "redact";
}

std::unique_ptr<Stage> make_finder_stage(Finder finder, Action action, Replace replace) {
  return std::make_unique<FinderStage>(std::move(finder), action, std::move(replace));
}

std::unique_ptr<Stage> make_secrets_stage(Finder finder, Action action, Replace replace) {
  return std::make_unique<SecretsStage>(std::move(finder), action, std::move(replace));
}

std::unique_ptr<Stage> make_whole_stage(WholeScan scan, Action action) {
  return std::make_unique<WholeStage>(std::move(scan), action);
}

std::unique_ptr<Stage> make_invisible_stage(Action action) {
  return std::make_unique<InvisibleStage>(action);
}

std::unique_ptr<Stage> make_token_stage(std::size_t limit, Action action) {
  return std::make_unique<TokenStage>(limit, action);
}

}  // namespace rage::guardrails
