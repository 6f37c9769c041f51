#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "operator/certificates.h"
#include "operator/detail/x509.h"

namespace rage::op {
namespace {

using detail::Freed;
using detail::KeyPtr;
using detail::X509Ptr;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Freed<GENERAL_NAME_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

constexpr auto kLife = std::chrono::days(90);
constexpr auto kClockSkew = std::chrono::hours(1);  // Of API servers whose clock is behind ours.
constexpr std::size_t kNamesMax = 32;
constexpr std::size_t kNameBytesMax = 253;

bool is_usable(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7F; });
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return false;
  random[0] = static_cast<unsigned char>((random[0] & 0x3F) | 0x40);  // Positive, never zero.
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(
      BN_bin2bn(random.data(), static_cast<int>(random.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_times(X509* certificate, WallTime now) {
  const std::time_t begin = static_cast<std::time_t>(unix_seconds(now - kClockSkew));
  const std::time_t end = static_cast<std::time_t>(unix_seconds(now - kClockSkew + kLife));
  return ASN1_TIME_set(X509_getm_notBefore(certificate), begin) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), end) != nullptr;
}

bool set_name(X509_NAME* name, const char* common_name) {
  const auto add = [&](const char* field, const char* value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC,
                                      reinterpret_cast<const unsigned char*>(value), -1, -1,
                                      0) == 1;
  };
  return add("O", "kaito.sh") && add("CN", common_name);
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Built from objects, not from OpenSSL's little language, in which a comma would begin a new name.
bool add_names(X509* certificate, const std::vector<std::string>& names) {
  const GeneralNamesPtr all(sk_GENERAL_NAME_new_null());
  for (const std::string& name : names) {
    GeneralNamePtr entry(GENERAL_NAME_new());
    if (!all || !entry) return false;
    if (ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str())) {
      GENERAL_NAME_set0_value(entry.get(), GEN_IPADD, address);
    } else {
      ASN1_IA5STRING* text = ASN1_IA5STRING_new();
      if (text == nullptr) return false;
      GENERAL_NAME_set0_value(entry.get(), GEN_DNS, text);
      if (ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) != 1) return false;
    }
    if (sk_GENERAL_NAME_push(all.get(), entry.get()) <= 0) return false;
    (void)entry.release();
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, all.get(), 0, 0) == 1;
}

// Null: OpenSSL refused; its queue says why.
X509Ptr make_unsigned(EVP_PKEY* key, const char* common_name, WallTime now) {
  X509Ptr certificate(X509_new());
  const bool made = certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                    set_serial(certificate.get()) && set_times(certificate.get(), now) &&
                    set_name(X509_get_subject_name(certificate.get()), common_name) &&
                    X509_set_pubkey(certificate.get(), key) == 1;
  return made ? std::move(certificate) : nullptr;
}

X509Ptr make_ca(EVP_PKEY* key, WallTime now) {
  X509Ptr ca = make_unsigned(key, "rage-webhook-ca", now);
  const bool made =
      ca && X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get())) == 1 &&
      add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
      add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash") &&
      X509_sign(ca.get(), key, EVP_sha256()) > 0;
  return made ? std::move(ca) : nullptr;
}

X509Ptr make_leaf(EVP_PKEY* key, X509* ca, EVP_PKEY* ca_key, const std::vector<std::string>& names,
                  WallTime now) {
  X509Ptr leaf = make_unsigned(key, "rage-webhook", now);
  const bool made = leaf && X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca)) == 1 &&
                    add_extension(leaf.get(), ca, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(leaf.get(), ca, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(leaf.get(), ca, NID_ext_key_usage, "serverAuth") &&
                    add_extension(leaf.get(), ca, NID_subject_key_identifier, "hash") &&
                    add_extension(leaf.get(), ca, NID_authority_key_identifier, "keyid") &&
                    add_names(leaf.get(), names) && X509_sign(leaf.get(), ca_key, EVP_sha256()) > 0;
  return made ? std::move(leaf) : nullptr;
}

}  // namespace

Result<CertificateBundle> make_certificate(const std::vector<std::string>& names, WallTime now) {
  if (names.empty() || names.size() > kNamesMax || !std::ranges::all_of(names, is_usable)) {
    return fail(ErrorCode::kInvalidArgument, "a certificate needs 1 to {} usable names", kNamesMax);
  }
  // The CA's key is forgotten at once: with it, nobody else can be certified.
  const KeyPtr ca_key(EVP_EC_gen("P-256"));
  const KeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr ca = ca_key && key ? make_ca(ca_key.get(), now) : nullptr;
  const X509Ptr leaf = ca ? make_leaf(key.get(), ca.get(), ca_key.get(), names, now) : nullptr;
  if (!leaf) {
    return fail(Error{.code = ErrorCode::kInternal,
                      .message = "making a certificate failed",
                      .detail = detail::take_openssl_error()});
  }
  return CertificateBundle{.ca_pem = detail::render_certificate(ca.get()),
                           .certificate_pem = detail::render_certificate(leaf.get()),
                           .key_pem = detail::render_key(key.get())};
}

}  // namespace rage::op
