// Whatever a server answers: each call is told of its end at most once, and of no message after it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "rpc/detail/client_session.h"
#include "rpc/detail/server_session.h"

namespace {

using namespace rage::rpc;

constexpr std::size_t kMessageMax = 1 << 16;

class Once final : public Replies {
 public:
  ~Once() override { CHECK(ended_); }
  void on_message(std::string_view message) override {
    CHECK(!ended_ && message.size() <= kMessageMax);
  }
  void on_end(const Status&) override {
    CHECK(!ended_);
    ended_ = true;
  }

 private:
  bool ended_ = false;
};

// A server that means well, up to where the fuzzer's bytes come.
std::string greeting() {
  const Methods none;
  detail::ServerSession server({.methods = &none, .message_bytes_max = 1, .calls_max = 10});
  std::string out;
  server.render(out, 1 << 20);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  detail::ClientSession session({.scheme = "http",
                                 .authority = "server",
                                 .unsent = [](const auto& stream) { stream->end({}); }});
  for (int i = 0; i < 3; ++i) {
    const auto stream =
        std::make_shared<detail::ClientStream>("/Say", std::make_shared<Once>(), kMessageMax);
    stream->send("hello");
    session.begin(stream);
  }
  std::string out;
  session.render(out, 1 << 20);
  std::string in = bytes[0] % 2 == 0 ? std::string() : greeting();
  in.append(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const std::size_t step = 1 + bytes[0];
  for (std::size_t at = 0; at < in.size(); at += step) {
    if (!session.consume(std::string_view(in).substr(at, step))) break;
    out.clear();
    session.render(out, 1 << 20);
  }
  return 0;
}
