#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/check.h"
#include "base/files.h"
#include "embed/hashing_embedder.h"
#include "ragserver/responses.h"
#include "ragserver/service.h"

namespace {

using namespace rage;

class CheckingWriter final : public net::ResponseWriter {
 public:
  Result<void> send(net::HttpResponse response) override {
    CHECK(++answers_ == 1);
    CHECK(response.status >= 200 && response.status < 600);
    return {};
  }
  Result<void> begin(int, net::Headers) override {
    CHECK(++answers_ == 1);
    return {};
  }
  Result<void> write(std::string_view) override { return {}; }
  void abort() override {}

 private:
  int answers_ = 0;
};

constexpr std::pair<const char*, const char*> kRoutes[] = {
    {"POST", "/index"},
    {"POST", "/retrieve"},
    {"POST", "/v1/chat/completions"},
    {"POST", "/indexes/i/documents"},
    {"POST", "/indexes/i/documents/delete"},
    {"GET", "/indexes/i/documents"},
    {"GET", ""},
};

}  // namespace

// Any body on any route: one answer, no crash.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const auto directory = *TemporaryDirectory::create("rage-fuzz-");
  static embed::HashingEmbedder embedder;
  static const auto collections = *rag::Collections::open(directory->path(), embedder, {});
  static ragserver::RagService service(*collections, nullptr,
                                       {.chat = {.answer_mode = rag::AnswerMode::kExtractive}});
  if (size < 1) return 0;
  const auto& [method, path] = kRoutes[bytes[0] % std::size(kRoutes)];
  const std::string text(reinterpret_cast<const char*>(bytes + 1), size - 1);
  net::HttpRequest request{
      .method = method, .path = path, .query = {}, .headers = {}, .body = text};
  if (request.method == "GET") {
    request.query = text;
    if (request.path.empty()) request.path = text;
  }
  CheckingWriter writer;
  service.handle(Context::with_timeout(std::chrono::seconds(5)), request, writer);
  return 0;
}
