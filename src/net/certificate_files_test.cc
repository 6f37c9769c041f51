// A renewed certificate that needs a restart, or half a renewal that ends the service, is an outage
// on the day that nobody looks.
#include "net/certificate_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/files.h"
#include "net/self_signed.h"
#include "net/tls_for_test.h"

namespace rage::net {
namespace {

using testing::HasSubstr;

struct CertificateFilesTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> directory = *TemporaryDirectory::create("rage-certificate-");
  const std::filesystem::path chain = directory->path() / "tls.crt";
  const std::filesystem::path key = directory->path() / "tls.key";

  void write(const std::string& chain_pem, const std::string& key_pem) {
    ASSERT_TRUE(write_file_atomically(chain, chain_pem));
    ASSERT_TRUE(write_file_atomically(key, key_pem));
  }
};

TEST_F(CertificateFilesTest, WhatIsNoCertificateIsAnErrorAtTheStart) {
  EXPECT_EQ(certificate_files(chain, key).error().code, ErrorCode::kNotFound);
  write(testing_pki::kServerCertificate, testing_pki::kClientKey);
  const auto mixed = certificate_files(chain, key);
  ASSERT_FALSE(mixed);
  EXPECT_THAT(mixed.error().message, HasSubstr("tls.crt"));
}

TEST_F(CertificateFilesTest, ARenewalIsTakenAndHalfAOneIsNot) {
  write(testing_pki::kServerCertificate, testing_pki::kServerKey);
  const auto source = certificate_files(chain, key, std::chrono::milliseconds(0));
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ((*(*source)())->chain_pem, testing_pki::kServerCertificate);
  const auto fresh = make_self_signed(std::chrono::system_clock::now());
  ASSERT_TRUE(fresh);
  ASSERT_TRUE(write_file_atomically(chain, fresh->chain_pem));  // Its key is not there yet.
  EXPECT_EQ((*(*source)())->chain_pem, testing_pki::kServerCertificate);
  ASSERT_TRUE(write_file_atomically(key, fresh->key_pem));
  EXPECT_EQ((*(*source)())->chain_pem, fresh->chain_pem);
}

}  // namespace
}  // namespace rage::net
