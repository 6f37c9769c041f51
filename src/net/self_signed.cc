#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>

#include "base/strings.h"
#include "net/self_signed.h"

namespace rage::net {
namespace {

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;

constexpr auto kClockSkew = std::chrono::days(1);
constexpr auto kLife = std::chrono::days(3650);

bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return false;
  random[0] = static_cast<unsigned char>((random[0] & 0x3F) | 0x40);  // Positive, never zero.
  const NumberPtr number(BN_bin2bn(random.data(), static_cast<int>(random.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_times(X509* certificate, WallTime now) {
  const auto begin = static_cast<std::time_t>(unix_seconds(now - kClockSkew));
  const auto end = static_cast<std::time_t>(unix_seconds(now + kLife));
  return ASN1_TIME_set(X509_getm_notBefore(certificate), begin) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), end) != nullptr;
}

// As OpenSSL's configuration has it: nothing that separates there may be in a name.
Result<std::string> alternative_names(const std::vector<std::string>& names) {
  constexpr std::size_t kNamesMax = 100;
  if (names.empty() || names.size() > kNamesMax) {
    return fail(ErrorCode::kInvalidArgument, "a certificate needs 1 to {} names", kNamesMax);
  }
  std::string text;
  for (const std::string& name : names) {
    const bool sound = !name.empty() && std::ranges::all_of(name, [](char c) {
      return is_ascii_alpha(c) || is_ascii_digit(c) || c == '.' || c == '-' || c == ':' || c == '*';
    });
    if (!sound) {
      return fail(ErrorCode::kInvalidArgument, "\"{}\" is neither a DNS name nor an IP address",
                  name);
    }
    boost::system::error_code error;
    (void)boost::asio::ip::make_address(name, error);
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", error ? "DNS" : "IP", name);
  }
  return text;
}

bool set_names(X509* certificate, const std::string& alternatives) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* organisation = reinterpret_cast<const unsigned char*>("RAGE");
  if (X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, organisation, -1, -1, 0) != 1 ||
      X509_set_issuer_name(certificate, name) != 1) {
    return false;
  }
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> names(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternatives.c_str()));
  return names && X509_add_ext(certificate, names.get(), -1) == 1;
}

template <class Write>
std::string to_pem(Write write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return {};
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

Result<ServerCertificate> make_self_signed(WallTime now, const std::vector<std::string>& names) {
  ASSIGN_OR_RETURN(const std::string alternatives, alternative_names(names));
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertificatePtr certificate(X509_new());
  const bool made = key && certificate &&
                    X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                    set_serial(certificate.get()) && set_times(certificate.get(), now) &&
                    set_names(certificate.get(), alternatives) &&
                    X509_set_pubkey(certificate.get(), key.get()) == 1 &&
                    X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0;
  ServerCertificate pem;
  if (made) {
    pem.chain_pem = to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
    pem.key_pem = to_pem([&](BIO* bio) {
      return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  ERR_clear_error();
  if (pem.chain_pem.empty() || pem.key_pem.empty()) {
    return fail(ErrorCode::kInternal, "making a self-signed certificate failed");
  }
  return pem;
}

}  // namespace rage::net
