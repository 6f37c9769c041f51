// Who may read one of our own HTTP endpoints: the API server is asked, as controller-runtime's
// metrics server does (TokenReview authentication.k8s.io/v1, SubjectAccessReview
// authorization.k8s.io/v1).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "kube/client.h"

namespace rage::kube {

enum class Access {
  kAllowed,
  kUnauthenticated,  // No token, or one that nobody knows.
  kForbidden,        // Known, and not allowed.
};

struct AccessReviewOptions {
  std::chrono::milliseconds allowed_for{60'000};  // How long an answer is believed.
  std::chrono::milliseconds refused_for{10'000};
  std::size_t entries_max = 1024;  // Answers kept; past that all are forgotten.
};

// Resource. Thread-safe; no lock is held while the API server is asked.
class AccessReviewer final {
 public:
  // Both outlive it.
  AccessReviewer(KubeClient& client, const Clock& clock, const AccessReviewOptions& options = {})
      : client_(client), clock_(clock), options_(options) {}

  // `authorization`: the header's value, "Bearer TOKEN". `path` without its query; `verb` is the
  // method in lower case. An error: the API server did not say.
  Result<Access> review(const Context& context, std::string_view authorization,
                        std::string_view path, std::string_view verb);

 private:
  struct Answer {
    Access access = Access::kForbidden;
    SteadyTime believed_until;
  };
  Result<Access> ask(const Context& context, std::string_view token, std::string_view path,
                     std::string_view verb) const;
  void remember(std::string key, Access access);

  KubeClient& client_;
  const Clock& clock_;
  const AccessReviewOptions options_;
  // By SHA-256 of token, verb and path: tokens themselves are not kept.
  Guarded<std::map<std::string, Answer, std::less<>>> answers_;
};

}  // namespace rage::kube
