#include "base/base64.h"
#include "operator/webhook_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "kube/fake_client_for_test.h"
#include "kube/manual_clock_for_test.h"
#include "operator/plan.h"
#include "operator/webhook_registration.h"

namespace rage::op {
namespace {

using namespace std::chrono_literals;
using kube::FakeKubeClient;
using kube::ManualClock;
using testing::IsEmpty;
using testing::SizeIs;

const ObjectKey kSecret = {.ns = "kaito", .name = "workspace-webhook-cert"};

const ResourceType& secret_type() {
  return apis::builtin_type("Secret");
}

WebhookKeeperOptions options() {
  return {.target = WebhookTarget{.service_namespace = "kaito", .service_name = "hook"},
          .secret = kSecret,
          .settle = 10s};
}

// One replica, and what it serves with, oldest first.
struct Replica {
  Replica(FakeKubeClient& client, Clock& clock, WebhookKeeperOptions with = options())
      : keeper(client, clock, std::move(with),
               [this](const CertificateBundle& bundle) { served.push_back(bundle); }) {}

  // None: it failed.
  std::optional<std::chrono::milliseconds> look() {
    const auto pause = keeper.keep(Context());
    if (!pause) error = pause.error().message;
    return pause ? *pause : std::nullopt;
  }

  std::vector<CertificateBundle> served;
  std::string error;
  WebhookKeeper keeper;
};

struct World {
  World() {
    for (const RegisteredObject& object : registered_objects()) {
      if (object.type.kind != "CustomResourceDefinition") continue;
      Json crd = object_of(object.type, object.key);
      crd["spec"]["conversion"]["strategy"] = "None";
      client.seed(object.type, crd);
    }
  }
  // Every CA bundle that API servers read.
  std::vector<std::string> bundles() {
    std::vector<std::string> all;
    for (const RegisteredObject& object : registered_objects()) {
      Json document = client.peek(object.type, object.key);
      const bool crd = object.type.kind == "CustomResourceDefinition";
      Json& parent = crd ? document["spec"]["conversion"]["webhook"] : document["webhooks"][0];
      all.push_back(codec::string_or(parent["clientConfig"], "caBundle", ""));
    }
    return all;
  }
  std::vector<std::string> writes() {
    std::vector<std::string> all;
    for (const FakeKubeClient::Call& call : client.calls()) {
      if (call.verb != "get") all.push_back(call.verb + " " + call.kind);
    }
    client.clear_calls();
    return all;
  }
  CertificateBundle secret() {
    return parse_certificate_secret(client.peek(secret_type(), kSecret))
        .value_or(CertificateBundle());
  }

  FakeKubeClient client;
  ManualClock clock;
};

TEST(WebhookKeeper, MakesTheSecretServesRegistersAndIsSilentFromThenOn) {
  World world;
  Replica replica(world.client, world.clock);
  EXPECT_EQ(replica.look(), kWebhookCheckInterval) << replica.error;
  ASSERT_THAT(replica.served, SizeIs(1));
  EXPECT_EQ(replica.served.front(), world.secret());
  for (const std::string& bundle : world.bundles()) {
    EXPECT_EQ(bundle, encode_base64(world.secret().ca_pem));
  }
  EXPECT_THAT(world.writes(), SizeIs(1 + 6 + 3));
  EXPECT_EQ(replica.look(), kWebhookCheckInterval);
  EXPECT_THAT(world.writes(), IsEmpty());
  EXPECT_THAT(replica.served, SizeIs(1));
}

// An API server that has not heard of the new CA yet would refuse every write.
TEST(WebhookKeeper, ServesARenewedCertificateOnlyOnceItIsTrusted) {
  World world;
  Replica first(world.client, world.clock);
  Replica second(world.client, world.clock);
  first.look();
  second.look();
  const CertificateBundle before = world.secret();
  world.clock.advance(std::chrono::days(60));
  EXPECT_EQ(first.look(), 10s);
  const CertificateBundle renewed = world.secret();
  EXPECT_NE(renewed, before);
  EXPECT_THAT(first.served, SizeIs(1)) << "too early";
  for (const std::string& bundle : world.bundles()) {
    EXPECT_EQ(bundle, encode_base64(renewed.ca_pem));
  }
  EXPECT_THAT(renewed.ca_pem, testing::EndsWith(before.ca_pem));
  // The second replica finds it all written, and waits as long.
  world.writes();
  EXPECT_EQ(second.look(), 10s);
  EXPECT_THAT(world.writes(), IsEmpty());
  EXPECT_THAT(second.served, SizeIs(1));
  world.clock.advance(10s);
  EXPECT_EQ(first.look(), kWebhookCheckInterval);
  EXPECT_EQ(second.look(), kWebhookCheckInterval);
  ASSERT_THAT(first.served, SizeIs(2));
  EXPECT_EQ(first.served.back(), renewed);
  ASSERT_THAT(second.served, SizeIs(2));
  EXPECT_EQ(second.served.back(), renewed);
  EXPECT_THAT(world.writes(), IsEmpty());
}

// Deleting the Secret is how people ask for a new certificate.
TEST(WebhookKeeper, GoesOnBeingTrustedWhenItsSecretIsDeleted) {
  World world;
  Replica replica(world.client, world.clock);
  replica.look();
  const CertificateBundle before = world.secret();
  ASSERT_TRUE(world.client.remove(Context(), secret_type(), kSecret));
  EXPECT_EQ(replica.look(), 10s);
  EXPECT_THAT(world.secret().ca_pem, testing::EndsWith(before.ca_pem));
  EXPECT_EQ(world.bundles().front(), encode_base64(world.secret().ca_pem));
}

// Two CAs, and each replica would be refused in turn.
TEST(WebhookKeeper, SharesTheSecretOfWhoeverWasFirst) {
  for (const bool empty_one_is_there : {false, true}) {
    World world;
    if (empty_one_is_there) world.client.seed(secret_type(), object_of(secret_type(), kSecret));
    Replica rival(world.client, world.clock);
    Replica late(world.client, world.clock);
    bool once = false;
    world.client.intercept([&](const FakeKubeClient::Call& call) -> Result<void> {
      const bool writes = call.kind == "Secret" && call.verb != "get";
      if (writes && !std::exchange(once, true)) rival.look();  // Between its read and its write.
      return {};
    });
    EXPECT_EQ(late.look(), kWebhookCheckInterval) << late.error;
    ASSERT_THAT(rival.served, SizeIs(1));
    ASSERT_THAT(late.served, SizeIs(1));
    EXPECT_EQ(late.served.front(), rival.served.front());
    EXPECT_EQ(late.served.front(), world.secret());
  }
}

TEST(WebhookKeeper, KeepsWhatElseIsInTheSecret) {
  World world;
  Json secret = object_of(secret_type(), kSecret);
  secret["metadata"]["labels"]["helm"] = "chart";
  secret["data"]["other"] = "eA==";
  world.client.seed(secret_type(), secret);
  Replica replica(world.client, world.clock);
  replica.look();
  const Json found = world.client.peek(secret_type(), kSecret);
  EXPECT_EQ(found["metadata"]["labels"]["helm"], "chart");
  EXPECT_EQ(found["data"]["other"], "eA==");
  EXPECT_EQ(replica.served.front(), world.secret());
}

// Without leave to change CRDs admission still works, and what is missing is said.
TEST(WebhookKeeper, ServesEvenIfItMayNotRegisterAll) {
  World world;
  world.client.intercept([](const FakeKubeClient::Call& call) -> Result<void> {
    if (call.kind != "CustomResourceDefinition" || call.verb == "get") return {};
    return fail(ErrorCode::kPermissionDenied, "forbidden");
  });
  Replica replica(world.client, world.clock);
  EXPECT_EQ(replica.look(), std::nullopt);
  EXPECT_EQ(replica.error, "patching CustomResourceDefinition workspaces.kaito.sh: forbidden");
  EXPECT_THAT(replica.served, SizeIs(1));
  EXPECT_FALSE(world.bundles().front().empty());
}

TEST(WebhookKeeper, SaysWhatItNeedsWhenItMayNotMakeTheSecret) {
  World world;
  world.client.intercept([](const FakeKubeClient::Call& call) -> Result<void> {
    if (call.verb != "create") return {};
    return fail(ErrorCode::kPermissionDenied, "forbidden");
  });
  Replica replica(world.client, world.clock);
  EXPECT_EQ(replica.look(), std::nullopt);
  EXPECT_THAT(replica.error, testing::HasSubstr("with an empty one"));
  EXPECT_THAT(replica.served, IsEmpty());
}

TEST(WebhookKeeper, TakesOutWhatIsRegistered) {
  World world;
  Replica(world.client, world.clock).look();
  WebhookKeeperOptions off;
  Replica remover(world.client, world.clock, off);
  EXPECT_EQ(remover.look(), std::nullopt);
  EXPECT_EQ(remover.error, "");
  EXPECT_THAT(world.client.peek_all(apis::builtin_type("ValidatingWebhookConfiguration")),
              IsEmpty());
  for (const Json& crd : world.client.peek_all(apis::builtin_type("CustomResourceDefinition"))) {
    EXPECT_EQ(crd["spec"]["conversion"], Json({{"strategy", "None"}}));
  }
}

TEST(WebhookKeeper, TriesAgainWithABackOffAndStopsAtOnce) {
  World world;
  std::atomic<int> tries = 0;
  world.client.intercept([&](const FakeKubeClient::Call&) -> Result<void> {
    ++tries;
    return fail(ErrorCode::kUnavailable, "no connection");
  });
  Replica replica(world.client, world.clock);
  replica.keeper.start();
  for (const auto pause : {1s, 2s, 4s}) {
    world.clock.wait_for_sleepers(1);
    EXPECT_EQ(world.clock.until_next_wake(), pause);
    world.clock.advance(pause);
  }
  world.clock.wait_for_sleepers(1);
  EXPECT_EQ(tries, 4);
  world.client.intercept({});
  world.clock.advance(8s);
  world.clock.wait_for_sleepers(1);
  EXPECT_EQ(world.clock.until_next_wake(), kWebhookCheckInterval);
  replica.keeper.stop();
  EXPECT_THAT(replica.served, SizeIs(1));
}

}  // namespace
}  // namespace rage::op
