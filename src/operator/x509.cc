#include "operator/detail/x509.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>

namespace rage::op::detail {
namespace {

constexpr std::size_t kPemBytesMax = 1 << 20;
constexpr std::size_t kCertificatesMax = 32;

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;

BioPtr reader_of(std::string_view pem) {
  if (pem.size() > kPemBytesMax) pem = {};
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

int no_password(char*, int, int, void*) {
  return -1;
}

bool read_time(const ASN1_TIME* time, WallTime& out) {
  std::tm utc{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &utc) != 1) return false;
  out = WallTime(std::chrono::seconds(timegm(&utc)));
  return true;
}

}  // namespace

std::vector<X509Ptr> parse_certificates(std::string_view pem) {
  std::vector<X509Ptr> all;
  const BioPtr bio = reader_of(pem);
  while (bio && all.size() < kCertificatesMax) {
    X509Ptr next(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
    if (next) {
      all.push_back(std::move(next));
      continue;
    }
    const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!ended) all.clear();
    break;
  }
  return all;
}

KeyPtr parse_key(std::string_view pem) {
  const BioPtr bio = reader_of(pem);
  KeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr);
  ERR_clear_error();
  return key;
}

std::string render_certificate(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  const bool written = bio && PEM_write_bio_X509(bio.get(), certificate) == 1;
  return written ? text_of(bio.get()) : std::string();
}

std::string render_key(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  const bool written = bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0,
                                                            nullptr, nullptr) == 1;
  return written ? text_of(bio.get()) : std::string();
}

bool is_ip_address(const std::string& name) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str());
  ASN1_OCTET_STRING_free(address);
  ERR_clear_error();
  return address != nullptr;
}

bool read_validity(const X509* certificate, WallTime& begin, WallTime& end) {
  return read_time(X509_get0_notBefore(certificate), begin) &&
         read_time(X509_get0_notAfter(certificate), end);
}

std::string take_openssl_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

}  // namespace rage::op::detail
