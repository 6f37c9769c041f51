#include "operator/certificates.h"
#include "base/base64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rage::op {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using testing::HasSubstr;
using testing::StartsWith;

const WallTime kIssueTime(std::chrono::seconds(1'767'225'600));
const std::vector<std::string> kNames = {"workspace-webhook.kaito.svc",
                                         "workspace-webhook.kaito.svc.cluster.local", "127.0.0.1"};

CertificatePlan plan_secret(const Json& secret, WallTime now = kIssueTime,
                            const std::vector<std::string>& names = kNames) {
  auto made = plan_certificate(secret, names, now);
  if (!made) ADD_FAILURE() << made.error().message << " " << made.error().detail;
  return made ? *std::move(made) : CertificatePlan();
}

Json secret_of(const CertificatePlan& plan) {
  return {{"kind", "Secret"}, {"data", plan.secret_data}};
}

std::size_t certificates_in(const std::string& pem) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = pem.find("BEGIN CERTIFICATE", at)) != std::string::npos; ++at) {
    ++count;
  }
  return count;
}

TEST(Certificates, AreMadeForAnEmptySecretAndThenKept) {
  for (const Json& empty : {Json(), Json{{"data", nullptr}}, Json{{"data", Json::object()}}}) {
    EXPECT_THAT(plan_secret(empty).reason, StartsWith("the Secret has no ca-cert.pem"));
  }
  const CertificatePlan first = plan_secret(Json());
  EXPECT_EQ(first.renew_at, kIssueTime - 1h + days(60));
  EXPECT_THAT(first.bundle.key_pem, StartsWith("-----BEGIN PRIVATE KEY-----"));
  for (const WallTime later : {kIssueTime, kIssueTime + days(59)}) {
    const CertificatePlan second = plan_secret(secret_of(first), later);
    EXPECT_TRUE(second.secret_data.is_null()) << second.reason;
    EXPECT_EQ(second.bundle, first.bundle);
    EXPECT_EQ(second.renew_at, first.renew_at);
  }
}

// With a new CA alone, replicas that still serve with the old certificate would refuse every write.
TEST(Certificates, AreRenewedAtTwoThirdsAndKeepThePreviousCaForAWhile) {
  const CertificatePlan first = plan_secret(Json());
  const CertificatePlan second = plan_secret(secret_of(first), first.renew_at);
  ASSERT_TRUE(second.secret_data.is_object());
  EXPECT_EQ(second.reason, "it is due for renewal");
  EXPECT_THAT(second.bundle.ca_pem, testing::EndsWith(first.bundle.ca_pem));
  EXPECT_EQ(certificates_in(second.bundle.ca_pem), 2U);
  // Both serve: under the new bundle of CAs, the old certificate is still good. (Half an hour back,
  // where the new CA is valid already and the old certificate not yet due.)
  CertificateBundle old = first.bundle;
  old.ca_pem = second.bundle.ca_pem;
  EXPECT_TRUE(check_certificate(old, kNames, first.renew_at - 30min));
  const CertificatePlan third = plan_secret(secret_of(second), second.renew_at);
  EXPECT_EQ(certificates_in(third.bundle.ca_pem), 2U);  // Never more.
  const CertificatePlan late = plan_secret(secret_of(third), third.renew_at + days(365));
  EXPECT_EQ(certificates_in(late.bundle.ca_pem), 1U);
}

TEST(Certificates, AreReplacedWhenTheyCannotServe) {
  const CertificatePlan good = plan_secret(Json());
  const CertificatePlan other = plan_secret(Json());
  const auto with = [&](const char* key, const Json& value) {
    Json secret = secret_of(good);
    secret["data"][key] = value;
    return secret;
  };
  const auto reason_of = [&](const Json& secret) {
    const CertificatePlan made = plan_secret(secret);
    EXPECT_TRUE(made.secret_data.is_object());
    return made.reason;
  };
  const Json& theirs = other.secret_data;
  EXPECT_EQ(reason_of(with("ca-cert.pem", theirs["ca-cert.pem"])),
            "the CA did not sign the certificate");
  EXPECT_EQ(reason_of(with("server-key.pem", theirs["server-key.pem"])),
            "the key is not the certificate's");
  EXPECT_EQ(reason_of(with("server-cert.pem", encode_base64("nonsense"))),
            "the server's certificate is unreadable");
  EXPECT_EQ(reason_of(with("ca-cert.pem", encode_base64("nonsense"))),
            "the CA's certificate is unreadable");
  EXPECT_EQ(reason_of(with("server-key.pem", encode_base64("nonsense"))),
            "the server's key is unreadable");
  EXPECT_THAT(reason_of(with("server-key.pem", "*not base64*")), HasSubstr("no base64"));
  EXPECT_THAT(reason_of(with("server-key.pem", 7)), HasSubstr("no server-key.pem"));
  EXPECT_THAT(reason_of(with("server-cert.pem", "")), HasSubstr("no server-cert.pem"));
}

TEST(Certificates, CoverEveryNameThatIsAskedFor) {
  const CertificatePlan made = plan_secret(Json());
  for (const std::string& name : kNames)
    EXPECT_TRUE(check_certificate(made.bundle, {name}, kIssueTime));
  for (const char* name : {"other.kaito.svc", "127.0.0.2", "rage-webhook", ""}) {
    EXPECT_FALSE(check_certificate(made.bundle, {name}, kIssueTime)) << name;
  }
  const auto moved = plan_secret(secret_of(made), kIssueTime, {"ragengine-webhook.kaito.svc"});
  EXPECT_EQ(moved.reason, "it is not valid for ragengine-webhook.kaito.svc");
  const auto before = check_certificate(made.bundle, kNames, kIssueTime - days(1));
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().message, "it is not valid yet");
}

// A name is data: it must not become a second name.
TEST(Certificates, TakeNamesLiterally) {
  const auto made = make_certificate({"a.svc,DNS:b.svc"}, kIssueTime);
  ASSERT_TRUE(made);
  EXPECT_FALSE(check_certificate(*made, {"b.svc"}, kIssueTime));
}

TEST(Certificates, RefuseUnusableNames) {
  for (const std::vector<std::string>& names : {std::vector<std::string>{},
                                                {""},
                                                {"a b"},
                                                {std::string(254, 'a')},
                                                {"caf\u00e9.svc"},
                                                std::vector<std::string>(33, "a.svc")}) {
    const auto made = plan_certificate(Json(), names, kIssueTime);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
  }
}

// Whoever serves with a certificate goes on being trusted, though its Secret was deleted or
// replaced.
TEST(Certificates, KeepTheCaOfWhatIsServedTrusted) {
  const CertificatePlan served = plan_secret(Json());
  const auto made = plan_certificate(Json(), kNames, kIssueTime, &served.bundle);
  ASSERT_TRUE(made);
  EXPECT_THAT(made->bundle.ca_pem, testing::EndsWith(served.bundle.ca_pem));
  const auto renewed = plan_certificate(secret_of(served), kNames, served.renew_at, &served.bundle);
  ASSERT_TRUE(renewed);
  EXPECT_EQ(certificates_in(renewed->bundle.ca_pem), 2U);  // Not twice the same.
}

TEST(CertificateHandover, WaitsUntilANewOneHasBeenTrustedForAWhile) {
  const SteadyTime start(1h);
  const CertificateBundle old = {.ca_pem = "old"};
  const CertificateBundle renewed = {.ca_pem = "new"};
  CertificateHandover handover(10s);
  EXPECT_EQ(handover.serving(), nullptr);
  EXPECT_TRUE(handover.offer(old, false, start));
  EXPECT_FALSE(handover.offer(old, true, start + 1h));
  EXPECT_FALSE(handover.waiting());
  EXPECT_FALSE(handover.offer(renewed, false, start + 2h));
  EXPECT_TRUE(handover.waiting());
  // Counted from when it became trusted, and anew if somebody put the old one back.
  EXPECT_FALSE(handover.offer(renewed, true, start + 3h));
  EXPECT_FALSE(handover.offer(renewed, false, start + 3h + 5s));
  EXPECT_FALSE(handover.offer(renewed, true, start + 3h + 9s));
  EXPECT_FALSE(handover.offer(renewed, true, start + 3h + 18s));
  EXPECT_EQ(*handover.serving(), old);
  EXPECT_TRUE(handover.offer(renewed, true, start + 3h + 19s));
  EXPECT_EQ(*handover.serving(), renewed);
  EXPECT_FALSE(handover.waiting());
}

TEST(CertificateHandover, StartsAnewForANewerOne) {
  CertificateHandover handover(10s);
  const SteadyTime start(1h);
  (void)handover.offer({.ca_pem = "a"}, true, start);
  EXPECT_FALSE(handover.offer({.ca_pem = "b"}, true, start));
  EXPECT_FALSE(handover.offer({.ca_pem = "c"}, true, start + 10s));
  EXPECT_TRUE(handover.offer({.ca_pem = "c"}, true, start + 20s));
  EXPECT_FALSE(handover.offer({.ca_pem = "d"}, true, start + 20s));
  EXPECT_FALSE(handover.offer({.ca_pem = "c"}, true, start + 21s));
  EXPECT_FALSE(handover.waiting());
}

}  // namespace
}  // namespace rage::op
