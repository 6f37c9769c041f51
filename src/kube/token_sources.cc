#include "kube/detail/token_sources.h"

#include "base/files.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace rage::kube::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kTokenBytesMax = 1 << 20;
constexpr std::chrono::seconds kTokenAgeMax = 60s;

class StaticToken final : public TokenSource {
 public:
  explicit StaticToken(std::string token) : token_(std::move(token)) {}
  Result<std::string> token(const Context&) override { return token_; }
  void invalidate() override {}

 private:
  const std::string token_;
};

class FileToken final : public TokenSource {
 public:
  FileToken(std::filesystem::path file, Clock& clock) : file_(std::move(file)), clock_(clock) {}

  Result<std::string> token(const Context&) override {
    const SteadyTime now = clock_.now();
    return cached_.with([&](Cached& cached) -> Result<std::string> {
      if (cached.read_at && now - *cached.read_at < kTokenAgeMax) return cached.token;
      auto text = read_file(file_, kTokenBytesMax);
      if (text) {
        cached.token = trim(*text);
      } else if (cached.token.empty()) {
        return fail(std::move(text).error().with_context("service account token"));
      }
      cached.read_at = now;
      return cached.token;
    });
  }

  void invalidate() override {
    cached_.with([](Cached& cached) { cached.read_at.reset(); });
  }

 private:
  struct Cached {
    std::string token;
    std::optional<SteadyTime> read_at;
  };

  const std::filesystem::path file_;
  Clock& clock_;
  Guarded<Cached> cached_;
};

}  // namespace

std::shared_ptr<TokenSource> make_static_token(std::string token) {
  return std::make_shared<StaticToken>(std::move(token));
}

std::shared_ptr<TokenSource> make_file_token(std::filesystem::path file, Clock& clock) {
  return std::make_shared<FileToken>(std::move(file), clock);
}

}  // namespace rage::kube::detail
