// Replies come from another's server: whatever they are, they are refused with a sentence or read.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "vectordb/qdrant_store.h"

namespace {

using namespace rage;

// Every request gets the same reply; of pages that never end there are but a few.
class OneReply final : public net::HttpTransport {
 public:
  explicit OneReply(std::string body) : body_(std::move(body)) {}
  Result<net::HttpResponse> fetch(const Context&, const net::ClientRequest&) override {
    if (++requests_ > 5) return fail(ErrorCode::kUnavailable, "enough");
    return net::HttpResponse::json(200, body_);
  }
  Result<void> stream(const Context&, const net::ClientRequest&,
                      const std::function<bool(const net::HttpResponse&)>&,
                      const std::function<bool(std::string_view)>&) override {
    return fail(ErrorCode::kUnimplemented, "nothing here streams");
  }

 private:
  const std::string body_;
  int requests_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(bytes), size);
  const std::vector<std::int64_t> wanted = {1, 2};
  const std::vector<float> vector = {1, 0};
  vectordb::ClockStamps stamps;
  const auto with_store = [&](auto ask) {
    OneReply transport(body);
    vectordb::QdrantStore store(transport, stamps, {.url = "http://q"});
    const auto answer = ask(store);
    CHECK(answer || !answer.error().message.empty());
  };
  with_store([](auto& store) { return store.indexes({}); });
  with_store([](auto& store) { return store.find_index({}, "i"); });
  with_store([](auto& store) { return store.sequences({}, "i"); });
  with_store([&](auto& store) { return store.read({}, "i", wanted, true); });
  with_store(
      [&](auto& store) { return store.nearest({}, "i", {.vector = vector, .also = wanted}); });
  return 0;
}
