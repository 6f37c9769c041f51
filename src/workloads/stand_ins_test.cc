#include "workloads/stand_ins.h"

#include <gmock/gmock.h>

#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

class CertificatePlan : public testing::Test {
 protected:
  CertificatePlan() {
    world.put(kinds().certificate, parse(R"({"metadata": {"name": "tls"}, "spec": {
      "secretName": "site-tls", "commonName": "chat.example.org",
      "dnsNames": ["chat.example.org", "www.example.org"],
      "issuerRef": {"name": "letsencrypt"}}})"));
  }
  Plan pass() {
    Plan plan = plan_certificate(
        {.certificate = world.get(kinds().certificate, "tls"),
         .secret =
             world.has(kinds().secret, "site-tls") ? world.get(kinds().secret, "site-tls") : Json(),
         .make = [this](const std::vector<std::string>& names) -> Result<net::ServerCertificate> {
           made = names;
           if (names[0] == "bad name") return fail(ErrorCode::kInvalidArgument, "bad name");
           return net::ServerCertificate{.chain_pem = "CERT", .key_pem = "KEY"};
         },
         .now = world.now});
    world.carry_out(kinds().certificate, "tls", plan);
    return plan;
  }
  Json condition() { return world.get(kinds().certificate, "tls")["status"]["conditions"][0]; }
  World world;
  std::vector<std::string> made;
};

TEST_F(CertificatePlan, ASelfSignedOneSaysThatItIs) {
  pass();
  EXPECT_THAT(made, testing::ElementsAre("chat.example.org", "www.example.org"));
  const Json& secret = world.get(kinds().secret, "site-tls");
  EXPECT_EQ(secret["type"], "kubernetes.io/tls");
  EXPECT_EQ(secret["stringData"]["tls.key"], "KEY");
  EXPECT_EQ(condition()["status"], "True");
  EXPECT_EQ(condition()["reason"], "SelfSigned");
  EXPECT_THAT(condition()["message"].get<std::string>(),
              testing::HasSubstr("issuer letsencrypt is not asked"));
  EXPECT_TRUE(pass().changes.empty());
}

TEST_F(CertificatePlan, OtherNamesNeedAnotherOne) {
  pass();
  world.get(kinds().certificate, "tls")["spec"]["dnsNames"] = Json::array({"new.example.org"});
  EXPECT_EQ(count_of<PatchObject>(pass()), 1);
  EXPECT_THAT(made, testing::ElementsAre("chat.example.org", "new.example.org"));
}

// Overwriting it would replace a real certificate with one that nobody trusts.
TEST_F(CertificatePlan, ASecretOfSomebodyElseStays) {
  world.put(kinds().secret,
            parse(R"({"metadata": {"name": "site-tls"}, "data": {"tls.crt": "x"}})"));
  EXPECT_TRUE(pass().changes.empty());
  EXPECT_EQ(condition()["reason"], "Ready");
}

TEST_F(CertificatePlan, WhatCannotBeMadeIsNotReady) {
  world.get(kinds().certificate, "tls")["spec"]["commonName"] = "bad name";
  pass();
  EXPECT_EQ(condition()["status"], "False");
  EXPECT_EQ(condition()["message"], "bad name");
  world.get(kinds().certificate, "tls")["spec"].erase("secretName");
  pass();
  EXPECT_EQ(condition()["reason"], "InvalidSpec");
}

TEST(ExternalSecretPlan, NamesTheCommandAndBelievesTheSecretMadeByHand) {
  const Json external = parse(R"({"metadata": {"name": "token", "namespace": "default"}, "spec": {
    "secretStoreRef": {"name": "vault"}, "target": {"name": "hf"},
    "data": [{"secretKey": "HF_TOKEN"}, {"secretKey": "OTHER"}]}})");
  const auto condition = [&](const char* secret) {
    return plan_external_secret(
               {.external_secret = external, .secret = parse(secret), .now = at(0)})
        .status["conditions"][0];
  };
  EXPECT_EQ(condition("null")["status"], "False");
  EXPECT_EQ(condition("null")["message"],
            "store vault is not reached from here; make Secret hf by hand: kubectl create secret "
            "generic hf -n default --from-literal=HF_TOKEN=... --from-literal=OTHER=... "
            "--dry-run=client -o yaml | kubectl apply -f -");
  EXPECT_THAT(condition(R"({"data": {"HF_TOKEN": "eA=="}})")["message"].get<std::string>(),
              testing::HasSubstr("-n default --from-literal=OTHER=... --dry-run"));
  EXPECT_EQ(condition(R"({"data": {"HF_TOKEN": "eA==", "OTHER": "eA=="}})")["status"], "True");
}

}  // namespace
}  // namespace rage::workloads
