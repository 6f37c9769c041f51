// The RAG service behind the assistant, asked for what it holds rather than for answers.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "assistant/calendar.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "net/http.h"
#include "net/http_client.h"

namespace rage::assistant {

// Where /indexes and /retrieve are, of where /chat/completions is: "http://host/v1" and
// "http://host/v1/chat/completions" are "http://host"; "http://host/rag" is itself. Pure.
std::string rag_root_of(std::string_view base_url);

using Timetable = std::shared_ptr<const std::vector<ConferenceSession>>;

// Resource. Thread-safe. Transport and clock outlive it.
class RagClient final {
 public:
  static constexpr std::size_t kRowsMax = 5000;
  static constexpr std::chrono::seconds kFresh{20};  // How old a timetable may be.

  RagClient(net::HttpTransport& transport, const Clock& clock, std::string root,
            std::string api_key)
      : transport_(transport),
        clock_(clock),
        root_(std::move(root)),
        api_key_(std::move(api_key)) {}

  // The documents of `index` that are sessions, each once; the first kRowsMax rows are looked at.
  // kNotFound: no such index; kUnavailable; kDataLoss: what came is no list of documents.
  Result<Timetable> sessions(const Context& context, const std::string& index);
  // One request as it is; `path` and `query` percent-encoded. A service that cannot be reached is a
  // 502 with "detail".
  net::HttpResponse forward(const Context& context, const net::HttpRequest& request) const;

 private:
  struct Kept {
    std::string index;
    SteadyTime from{};
    Timetable timetable;
  };
  Result<net::HttpResponse> fetch(const Context& context, const net::HttpRequest& request) const;
  Result<Timetable> load(const Context& context, const std::string& index) const;

  net::HttpTransport& transport_;
  const Clock& clock_;
  const std::string root_;
  const std::string api_key_;
  Guarded<Kept> kept_;
};

}  // namespace rage::assistant
