#include "inspect/kinds.h"

#include <gtest/gtest.h>

namespace rage::inspect {
namespace {

constexpr std::string_view kKindsDiscovery = R"({"kind": "APIGroupDiscoveryList", "items": [
  {"metadata": {}, "versions": [{"version": "v1", "resources": [
    {"resource": "pods", "singularResource": "pod", "shortNames": ["po"], "scope": "Namespaced",
     "responseKind": {"kind": "Pod"}, "verbs": ["get", "list"], "categories": ["all"]},
    {"resource": "bindings", "singularResource": "binding", "scope": "Namespaced",
     "responseKind": {"kind": "Binding"}, "verbs": ["create"]}]}]},
  {"metadata": {"name": "kaito.sh"}, "versions": [
    {"version": "v1beta1", "resources": [
      {"resource": "workspaces", "singularResource": "workspace", "shortNames": ["wk", "wks"],
       "scope": "Namespaced", "responseKind": {"kind": "Workspace"}, "verbs": ["get", "list"],
       "categories": ["workspace"]}]},
    {"version": "v1alpha1", "resources": [
      {"resource": "workspaces", "singularResource": "workspace", "scope": "Namespaced",
       "responseKind": {"kind": "Workspace"}, "verbs": ["list"], "categories": ["workspace"]},
      {"resource": "modelmirrors", "singularResource": "modelmirror", "scope": "Cluster",
       "responseKind": {"kind": "ModelMirror"}, "verbs": ["list"]}]}]}]})";

class KindsTest : public testing::Test {
 protected:
  KindsTest() { EXPECT_TRUE(kinds_.add(kKindsDiscovery)); }
  std::string found(std::string_view name) {
    const auto kind = kinds_.find(name);
    return kind ? kind->type.api_version() + " " + kind->type.kind : kind.error().message;
  }
  Kinds kinds_;
};

TEST_F(KindsTest, KnowsEveryNameOfAKind) {
  for (const char* name : {"workspaces", "workspace", "Workspace", "WK", "wks",
                           "workspace.kaito.sh", "workspaces.v1beta1.kaito.sh"}) {
    EXPECT_EQ(found(name), "kaito.sh/v1beta1 Workspace") << name;
  }
  EXPECT_EQ(found("wks.v1alpha1.kaito.sh"),
            "the server doesn't have a resource type "
            "\"wks.v1alpha1.kaito.sh\"");
  EXPECT_EQ(found("workspace.v1alpha1.kaito.sh"), "kaito.sh/v1alpha1 Workspace");
  EXPECT_EQ(found("po"), "v1 Pod");
  EXPECT_FALSE(kinds_.find("modelmirror")->type.namespaced);
}

TEST_F(KindsTest, NamesWhatResemblesAnUnknownOne) {
  EXPECT_EQ(found("worksets"),
            "the server doesn't have a resource type \"worksets\"; did you mean workspaces");
  EXPECT_EQ(found("binding"), "the server doesn't have a resource type \"binding\"");
}

TEST_F(KindsTest, ACategoryHasEachKindOnce) {
  ASSERT_EQ(kinds_.of_category("workspace").size(), 1U);
  EXPECT_EQ(kinds_.of_category("workspace")[0].type.version, "v1beta1");
  EXPECT_TRUE(kinds_.of_category("nothing").empty());
}

TEST_F(KindsTest, AnOldServersAnswerIsAnError) {
  EXPECT_FALSE(Kinds().add(R"({"kind": "APIVersions", "versions": ["v1"]})"));
  EXPECT_FALSE(Kinds().add("<html>"));
}

}  // namespace
}  // namespace rage::inspect
