#include "net/self_signed.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace rage::net {
namespace {

// Clients check the name: a certificate for another one is refused however much it is trusted.
TEST(SelfSigned, IsForTheNamesThatWereAskedFor) {
  const auto pem = make_self_signed(WallTime(std::chrono::seconds(1'767'225'600)),
                                    {"chat.example.org", "*.example.net", "127.0.0.2", "::1"});
  ASSERT_TRUE(pem);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(
      BIO_new_mem_buf(pem->chain_pem.data(), static_cast<int>(pem->chain_pem.size())),
      BIO_free_all);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  ASSERT_TRUE(certificate);
  for (const auto& [host, good] : std::initializer_list<std::pair<const char*, int>>{
           {"chat.example.org", 1}, {"a.example.net", 1}, {"localhost", 0}, {"example.org", 0}}) {
    EXPECT_EQ(X509_check_host(certificate.get(), host, 0, 0, nullptr), good) << host;
  }
  for (const auto& [address, good] : std::initializer_list<std::pair<const char*, int>>{
           {"127.0.0.2", 1}, {"::1", 1}, {"127.0.0.1", 0}}) {
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), address, 0), good) << address;
  }
}

// Names come from manifests and end in OpenSSL's own little language.
TEST(SelfSigned, NamesThatAreNoneAreRefused) {
  const WallTime now{};
  for (const std::vector<std::string>& names : {std::vector<std::string>{},
                                                {""},
                                                {"a,DNS:b"},
                                                {"a b"},
                                                {"a\nb"},
                                                {"@section"},
                                                {"a;b"},
                                                std::vector<std::string>(101, "a")}) {
    const auto made = make_self_signed(now, names);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace rage::net
