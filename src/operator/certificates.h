// The webhook's own certificates: a self-signed CA and a serving certificate, kept in a Secret
// under the keys upstream uses, so that either operator can take over from the other.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "codec/json.h"

namespace rage::op {

using codec::Json;

// Value. PEM, as in the Secret's ca-cert.pem, server-cert.pem and server-key.pem.
struct CertificateBundle {
  // The newest CA first. The one before stays until it expires: replicas that still serve with what
  // it signed are trusted until they have read the Secret again.
  std::string ca_pem;
  std::string certificate_pem;
  std::string key_pem;

  bool operator==(const CertificateBundle&) const = default;
};

struct CertificatePlan {
  CertificateBundle bundle;  // To serve with from now on.
  Json secret_data;          // Null: the Secret stays. Else what its `data` becomes, in base64.
  WallTime renew_at;         // When to plan again.
  std::string reason = {};   // Why it is new; empty if it stays.
};

// Both certificates live 90 days and are renewed at two thirds of that. `secret` null: there is
// none yet; one that lacks something, does not fit together or does not cover all `names` (DNS
// names or IP addresses) is replaced. `serving`: what clients are answered with meanwhile; its CA
// stays trusted, too, even if the Secret was deleted. Pure but for the random key.
// kInvalidArgument: unusable names.
Result<CertificatePlan> plan_certificate(const Json& secret, const std::vector<std::string>& names,
                                         WallTime now, const CertificateBundle* serving = nullptr);

// Value. Which certificate to serve with while one is renewed. API servers learn by watching whom
// to trust, so a new one is served only once that has been written down for a while.
class CertificateHandover final {
 public:
  explicit CertificateHandover(std::chrono::milliseconds settle) : settle_(settle) {}

  // `bundle` is the Secret's; `trusted`: its CAs stand where API servers read whom to trust.
  // True: it is served from now on. The first one always is.
  bool offer(const CertificateBundle& bundle, bool trusted, SteadyTime now);
  const CertificateBundle* serving() const { return serving_ ? &*serving_ : nullptr; }
  bool waiting() const { return next_.has_value(); }  // A newer one is known and not served yet.

 private:
  const std::chrono::milliseconds settle_;
  std::optional<CertificateBundle> serving_;
  std::optional<CertificateBundle> next_;
  std::optional<SteadyTime> trusted_since_;
};

// The parts of plan_certificate().
// kNotFound: a key is missing or empty; kDataLoss: it is no base64.
Result<CertificateBundle> parse_certificate_secret(const Json& secret);
// When to renew it. kFailedPrecondition says why it cannot be used at `now`.
Result<WallTime> check_certificate(const CertificateBundle& bundle,
                                   const std::vector<std::string>& names, WallTime now);
Result<CertificateBundle> make_certificate(const std::vector<std::string>& names, WallTime now);

}  // namespace rage::op
