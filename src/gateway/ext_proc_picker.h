// An endpoint picker in another process, asked by Envoy's ext_proc protocol: for InferencePools
// that bring their own. Tolerant of what pickers in the wild do (README).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "picker/endpoint_picker.h"

namespace rage::gateway {

struct ExtProcOptions {
  std::vector<std::string> endpoints;  // "ip:port" of the picker; none: not ready.
  // Pickers make their own certificates, so that encryption is all that TLS can give here.
  enum class Transport { kTls, kPlain };
  Transport transport = Transport::kTls;
  bool operator==(const ExtProcOptions&) const = default;
};

// The last owner lets go of it outside `done`: that ends what still runs, and waits for the thread
// that hears the picker.
std::shared_ptr<picker::EndpointPicker> make_ext_proc_picker(const ExtProcOptions& options);

// An exchange that has to ask somebody about the head of a reply.
class RemoteExchange : public picker::Exchange {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;
  // `done` gets the headers to set: once, on any thread, perhaps at once; or never, if finish() was
  // called before.
  virtual void ask_response_headers(const picker::ResponseHead& head,
                                    std::function<void(Headers)> done) = 0;
};

}  // namespace rage::gateway
