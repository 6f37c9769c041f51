#include "operator/webhook_registration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "apis/crds.h"

namespace rage::op {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const WebhookTarget kTarget = {
    .service_namespace = "kaito", .service_name = "workspace-webhook", .ca_pem = "CA"};
const Json kNone = {{"strategy", "None"}};

// As an API server shows them: with what it fills in.
Json stored(Json object) {
  object["metadata"]["resourceVersion"] = "7";
  object["metadata"]["uid"] = "u";
  for (Json& webhook : object["webhooks"]) {
    webhook["namespaceSelector"] = Json::object();
    webhook["objectSelector"] = Json::object();
  }
  return object;
}

Json crd(const std::string& name, Json conversion = kNone) {
  return {{"metadata", {{"name", name}, {"resourceVersion", "7"}}},
          {"spec", {{"conversion", std::move(conversion)}}}};
}

std::vector<Json> registered(const WebhookTarget& target) {
  std::vector<Json> all;
  for (const Json& configuration : render_webhook_configurations(target)) {
    all.push_back(stored(configuration));
  }
  for (std::size_t i = all.size(); i < registered_objects().size(); ++i) {
    all.push_back(crd(registered_objects()[i].key.name, render_conversion(target)));
  }
  return all;
}

std::vector<Json> nothing() {
  return std::vector<Json>(registered_objects().size());
}

Json patch_in(const std::vector<Change>& changes) {
  if (changes.size() != 1) return Json();
  const auto* patch = std::get_if<PatchObject>(&changes.front());
  return patch != nullptr ? patch->patch : Json();
}

TEST(Registration, IsOfEveryConfigurationAndOfTheCrdsWithTwoVersions) {
  std::vector<std::string> names;
  for (const RegisteredObject& object : registered_objects()) names.push_back(object.key.str());
  EXPECT_THAT(
      names,
      ElementsAre("validation.workspace.kaito.sh", "validation.inferenceset.kaito.sh",
                  "validation.ragengine.kaito.sh", "validation.modelmirror.kaito.sh",
                  "validation.multiroleinference.kaito.sh", "validation.autoindexer.kaito.sh",
                  "workspaces.kaito.sh", "inferencesets.kaito.sh", "ragengines.kaito.sh"));
}

TEST(Registration, MakesConfigurationsButNoCrds) {
  const auto changes = plan_registration(nothing(), kTarget);
  EXPECT_THAT(changes, SizeIs(6));
  for (const Change& change : changes) {
    EXPECT_TRUE(std::holds_alternative<CreateObject>(change));
  }
}

// A loop that finds something to write each time would write for ever.
TEST(Registration, IsSilentWhenAllIsAsItShouldBe) {
  EXPECT_THAT(plan_registration(registered(kTarget), kTarget), IsEmpty());
  WebhookTarget by_url = kTarget;
  by_url.url_base = "https://127.0.0.1:9443";
  EXPECT_THAT(plan_registration(registered(by_url), by_url), IsEmpty());
}

TEST(Registration, FollowsANewCertificateEverywhere) {
  WebhookTarget renewed = kTarget;
  renewed.ca_pem = "new CA";
  const auto changes = plan_registration(registered(kTarget), renewed);
  ASSERT_THAT(changes, SizeIs(9));
  for (const Change& change : changes) {
    const Json& patch = std::get<PatchObject>(change).patch;
    EXPECT_EQ(patch["metadata"]["resourceVersion"], "7") << "an older certificate could win";
  }
  const Json& conversion = std::get<PatchObject>(changes.back()).patch["spec"]["conversion"];
  const Json expected = {
      {"webhook",
       {{"clientConfig",
         {{"caBundle", render_conversion(renewed)["webhook"]["clientConfig"]["caBundle"]}}}}}};
  EXPECT_EQ(conversion, expected);
}

// KAITO's configurations have our names. Left as they are they would send every write to a Service
// that is gone.
TEST(Registration, ReplacesUpstreamsConfigurationWhole) {
  std::vector<Json> observed = registered(kTarget);
  Json& theirs = observed.front();
  theirs["metadata"]["ownerReferences"] = Json::array({{{"kind", "Namespace"}, {"name", "kaito"}}});
  theirs["webhooks"][0]["namespaceSelector"]["matchExpressions"] =
      Json::array({{{"key", "webhooks.knative.dev/exclude"}, {"operator", "DoesNotExist"}}});
  const Json patch = patch_in(plan_registration(observed, kTarget));
  ASSERT_TRUE(patch.is_object());
  EXPECT_TRUE(patch["metadata"]["ownerReferences"].is_null());
  EXPECT_EQ(patch["webhooks"], render_webhook_configurations(kTarget).front()["webhooks"]);

  observed = registered(kTarget);
  observed.front()["webhooks"].push_back({{"name", "another"}});
  EXPECT_THAT(plan_registration(observed, kTarget), SizeIs(1));
}

TEST(Registration, MovesFromAServiceToAUrl) {
  WebhookTarget by_url = kTarget;
  by_url.url_base = "https://127.0.0.1:9443";
  const auto changes = plan_registration(registered(kTarget), by_url);
  ASSERT_THAT(changes, SizeIs(9));
  const Json& client =
      std::get<PatchObject>(changes.back()).patch["spec"]["conversion"]["webhook"]["clientConfig"];
  EXPECT_EQ(client["url"], "https://127.0.0.1:9443/convert");
  ASSERT_TRUE(client.contains("service"));
  EXPECT_TRUE(client["service"].is_null()) << "the API server takes only one of both";
}

// Somebody applies the CRDs' files again, which say nothing of a conversion.
TEST(Registration, PutsTheConversionBack) {
  std::vector<Json> observed = registered(kTarget);
  observed.back() = crd("ragengines.kaito.sh");
  const Json patch = patch_in(plan_registration(observed, kTarget));
  EXPECT_EQ(patch["spec"]["conversion"], render_conversion(kTarget));
  observed.back()["spec"].erase("conversion");
  EXPECT_THAT(plan_registration(observed, kTarget), SizeIs(1));
}

TEST(Removal, LeavesNobodyToBeAsked) {
  const auto changes = plan_removal(registered(kTarget));
  ASSERT_THAT(changes, SizeIs(9));
  const auto& removed = std::get<DeleteObject>(changes.front());
  EXPECT_EQ(removed.key.name, "validation.workspace.kaito.sh");
  EXPECT_EQ(removed.uid, "u");
  const Json conversion = {{"strategy", "None"}, {"webhook", nullptr}};
  EXPECT_EQ(std::get<PatchObject>(changes.back()).patch["spec"]["conversion"], conversion);
  std::vector<Json> removed_already = nothing();
  removed_already.back() = crd("ragengines.kaito.sh");
  EXPECT_THAT(plan_removal(removed_already), IsEmpty());
}

}  // namespace
}  // namespace rage::op
