// However a connection's bytes look: nothing is held past its limits, each call is told of its end
// at most once, and none is left.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "rpc/client_for_test.h"
#include "rpc/detail/server_session.h"

namespace {

using namespace rage::rpc;

constexpr std::size_t kMessageMax = 1 << 16;

class Echo final : public CallHandler {
 public:
  Echo(Call& call, int& open) : call_(call), open_(open) { ++open_; }
  ~Echo() override { --open_; }
  void on_message(std::string_view message) override {
    CHECK(!over_ && message.size() <= kMessageMax);
    call_.send(message);
  }
  void on_half_close() override {
    CHECK(!over_);
    over_ = true;
    call_.finish({});
  }
  void on_cancel() override {
    CHECK(!cancelled_);
    over_ = cancelled_ = true;
  }

 private:
  Call& call_;
  int& open_;
  bool over_ = false;
  bool cancelled_ = false;
};

// A client that means well, up to where the fuzzer's bytes come.
std::string greeting(bool with_call) {
  ClientForTest client;
  if (with_call) client.say(client.call("/Say"), "hello");
  return client.take_output();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  int open = 0;  // Handlers.
  const Methods methods = {
      {"/Say", [&](Call& call) { return std::make_unique<Echo>(call, open); }}};
  {
    detail::ServerSession session({.methods = &methods,
                                   .message_bytes_max = kMessageMax,
                                   .calls_max = 10,
                                   .post = [](const auto&) {}});
    std::string in = bytes[0] % 4 == 0 ? std::string() : greeting(bytes[0] % 2 == 0);
    in.append(reinterpret_cast<const char*>(bytes) + 1, size - 1);
    const std::size_t step = 1 + bytes[0];
    std::string out;
    for (std::size_t at = 0; at < in.size(); at += step) {
      if (!session.consume(std::string_view(in).substr(at, step))) break;
      if (at % 3 == 0) session.render(out, std::size_t{1} << 20);
      CHECK(open <= 10);
      out.clear();
    }
  }
  CHECK(open == 0);
  return 0;
}
