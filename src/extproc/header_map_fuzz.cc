// Any bytes as a ProcessingRequest, with any headers and metadata: what is answered to a proxy can
// be sent, and no header in it would make the proxy answer 500.
#include <cstdint>
#include <memory>

#include "base/check.h"
#include "extproc/bbr_stream.h"
#include "extproc/detail/wire.h"
#include "extproc/epp_stream.h"
#include "extproc/headers.h"
#include "extproc/static_picker.h"

namespace rage::extproc {
namespace {

void check(const Actions& actions) {
  for (const Reply& reply : actions.replies) {
    for (const auto& [name, value] : reply.headers.set) {
      CHECK(is_header_name(name) && is_header_value(value));
      for (const std::string& removed : reply.headers.remove) CHECK(removed != name);
    }
    envoyapi::ext_proc::ProcessingResponse response;
    detail::write_reply(reply, response);
    CHECK(!response.SerializeAsString().empty());
  }
}

}  // namespace
}  // namespace rage::extproc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::extproc;  // NOLINT: a fuzz target's root.
  rage::envoyapi::ext_proc::ProcessingRequest request;
  if (!request.ParseFromArray(bytes, static_cast<int>(size))) return 0;
  const Message message = detail::read_message(request);
  const rage::SteadyTime now{};
  static const BbrConfig bbr_config;
  static const BbrObserver observer;
  BbrStream bbr(bbr_config, std::make_shared<const AdapterMap>(), observer);
  check(bbr.on_message(message, now));
  check(bbr.on_message({.kind = Kind::kRequestBody,
                        .body = "{\"model\":\"" + message.body + "\"}",
                        .end_of_stream = true},
                       now));
  static const EppConfig epp_config{.emit_scores = true};
  static StaticPicker picker({"10.0.0.1:1"}, 1);
  EppStream epp(epp_config);
  const auto feed = [&](Message next) {
    Actions actions = epp.on_message(std::move(next), now);
    check(actions);
    if (!actions.pick) return;
    rage::picker::PickOutcome outcome;
    (void)picker.pick(*std::move(actions.pick),
                      [&](rage::picker::PickOutcome done) { outcome = std::move(done); });
    check(epp.on_pick(std::move(outcome), now));
  };
  feed(message);
  feed({.kind = Kind::kRequestBody, .body = "{}", .end_of_stream = true});
  feed(message);
  return 0;
}
