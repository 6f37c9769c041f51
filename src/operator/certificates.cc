#include "operator/certificates.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.h"
#include "operator/detail/x509.h"

namespace rage::op {
namespace {

using detail::Freed;
using detail::KeyPtr;
using detail::X509Ptr;

constexpr const char* kCaKey = "ca-cert.pem";
constexpr const char* kCertificateKey = "server-cert.pem";
constexpr const char* kKeyKey = "server-key.pem";

std::unexpected<Error> unusable(std::string reason) {
  return fail(ErrorCode::kFailedPrecondition, std::move(reason));
}

bool is_signed_by_a_ca(X509* leaf, const std::vector<X509Ptr>& cas, WallTime now) {
  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  if (!store || !context) return false;
  for (const X509Ptr& ca : cas) X509_STORE_add_cert(store.get(), ca.get());
  bool verified = false;
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf, nullptr) == 1) {
    X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
    X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(unix_seconds(now)));
    verified = X509_verify_cert(context.get()) == 1;
  }
  ERR_clear_error();
  return verified;
}

bool covers(X509* leaf, const std::string& name) {
  const bool ip = detail::is_ip_address(name);
  const bool matches = ip ? X509_check_ip_asc(leaf, name.c_str(), 0) == 1
                          : X509_check_host(leaf, name.data(), name.size(),
                                            X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
  ERR_clear_error();
  return matches;
}

// At two thirds of its life.
Result<WallTime> renewal_of(const X509* certificate, WallTime now) {
  WallTime begin;
  WallTime end;
  if (!detail::read_validity(certificate, begin, end) || end <= begin) {
    return unusable("its period of validity is unreadable");
  }
  if (now < begin) return unusable("it is not valid yet");
  const WallTime renewal = begin + (end - begin) / 3 * 2;
  if (now >= renewal) return unusable("it is due for renewal");
  return renewal;
}

// The newest CA of `bundle`, if clients should go on trusting what it signed.
std::string still_trusted(const CertificateBundle& bundle, WallTime now) {
  const auto cas = detail::parse_certificates(bundle.ca_pem);
  WallTime begin;
  WallTime end;
  if (cas.empty() || !detail::read_validity(cas.front().get(), begin, end) || end <= now) return {};
  return detail::render_certificate(cas.front().get());
}

}  // namespace

Result<CertificateBundle> parse_certificate_secret(const Json& secret) {
  const Json* data = codec::find_key(secret, "data");
  CertificateBundle bundle;
  const std::array<std::pair<const char*, std::string*>, 3> parts = {
      {{kCaKey, &bundle.ca_pem},
       {kCertificateKey, &bundle.certificate_pem},
       {kKeyKey, &bundle.key_pem}}};
  for (const auto& [key, pem] : parts) {
    const std::string text = data != nullptr ? codec::string_or(*data, key, "") : "";
    if (text.empty()) return fail(ErrorCode::kNotFound, "the Secret has no {}", key);
    auto decoded = decode_base64(text);
    if (!decoded) return fail(std::move(decoded).error().with_context(key));
    *pem = *std::move(decoded);
  }
  return bundle;
}

Result<WallTime> check_certificate(const CertificateBundle& bundle,
                                   const std::vector<std::string>& names, WallTime now) {
  const auto cas = detail::parse_certificates(bundle.ca_pem);
  const auto chain = detail::parse_certificates(bundle.certificate_pem);
  const KeyPtr key = detail::parse_key(bundle.key_pem);
  if (cas.empty()) return unusable("the CA's certificate is unreadable");
  if (chain.empty()) return unusable("the server's certificate is unreadable");
  if (!key) return unusable("the server's key is unreadable");
  X509* leaf = chain.front().get();
  const bool own_key = X509_check_private_key(leaf, key.get()) == 1;
  ERR_clear_error();
  if (!own_key) return unusable("the key is not the certificate's");
  ASSIGN_OR_RETURN(const WallTime leaf_renewal, renewal_of(leaf, now));
  ASSIGN_OR_RETURN(const WallTime ca_renewal, renewal_of(cas.front().get(), now));
  if (!is_signed_by_a_ca(leaf, cas, now)) return unusable("the CA did not sign the certificate");
  for (const std::string& name : names) {
    if (!covers(leaf, name)) return unusable("it is not valid for " + name);
  }
  return std::min(leaf_renewal, ca_renewal);
}

Result<CertificatePlan> plan_certificate(const Json& secret, const std::vector<std::string>& names,
                                         WallTime now, const CertificateBundle* serving) {
  auto existing = parse_certificate_secret(secret);
  auto renewal = existing ? check_certificate(*existing, names, now)
                          : Result<WallTime>(fail(existing.error()));
  if (renewal) {
    return CertificatePlan{
        .bundle = *std::move(existing), .secret_data = nullptr, .renew_at = *renewal};
  }
  ASSIGN_OR_RETURN(CertificateBundle bundle, make_certificate(names, now));
  if (existing) bundle.ca_pem += still_trusted(*existing, now);
  const std::string served = serving != nullptr ? still_trusted(*serving, now) : "";
  if (bundle.ca_pem.find(served) == std::string::npos) bundle.ca_pem += served;
  ASSIGN_OR_RETURN(const WallTime renew_at, check_certificate(bundle, names, now));
  Json data = {{kCaKey, encode_base64(bundle.ca_pem)},
               {kCertificateKey, encode_base64(bundle.certificate_pem)},
               {kKeyKey, encode_base64(bundle.key_pem)}};
  return CertificatePlan{.bundle = std::move(bundle),
                         .secret_data = std::move(data),
                         .renew_at = renew_at,
                         .reason = std::move(renewal).error().message};
}

bool CertificateHandover::offer(const CertificateBundle& bundle, bool trusted, SteadyTime now) {
  if (serving_ && bundle == *serving_) {
    next_.reset();
    return false;
  }
  if (serving_) {
    if (!trusted || !next_ || *next_ != bundle) trusted_since_.reset();
    next_ = bundle;
    if (!trusted) return false;
    if (!trusted_since_) trusted_since_ = now;
    if (now - *trusted_since_ < settle_) return false;
  }
  serving_ = bundle;
  next_.reset();
  return true;
}

}  // namespace rage::op
