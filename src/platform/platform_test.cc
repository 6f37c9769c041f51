#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kubeobjects/resource.h"
#include "platform/apply.h"
#include "platform/bring_up.h"
#include "platform/open_crds.h"
#include "platform/services.h"
#include "platform/system_objects.h"

namespace rage::platform {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Manifests written for the real kinds must find them here.
TEST(OpenCrds, AreServedInEveryVersionAndKeepEveryField) {
  for (const Json& crd : open_crds()) {
    const auto resources = kubeobjects::resources_of_crd(crd);
    ASSERT_TRUE(resources) << resources.error().message;
    EXPECT_EQ(resources->size(), crd["spec"]["versions"].size());
    for (const auto& resource : *resources) {
      EXPECT_TRUE(resource->has_status) << resource->kind;
      EXPECT_TRUE(resource->schema.field("spec").keeps_unknown()) << resource->kind;
    }
  }
}

Json a_gateway(const char* class_name) {
  Json gateway = {{"apiVersion", "gateway.networking.k8s.io/v1"}, {"kind", "Gateway"}};
  gateway["metadata"] = {{"name", "kaito-gateway"}, {"namespace", "default"}, {"uid", "u"}};
  gateway["spec"] = {{"gatewayClassName", class_name},
                     {"listeners",
                      {{{"name", "http"}, {"port", 80}},
                       {{"name", "https"}, {"port", 443}},
                       {{"name", "also"}, {"port", 80}}}}};
  return gateway;
}

std::vector<Json> our_classes() {
  std::vector<Json> classes;
  for (const Json& object : system_objects({})) {
    if (object["kind"] == "GatewayClass") classes.push_back(object);
  }
  return classes;
}

// "0/1 ready" for five minutes told nobody that this machine runs no such image.
TEST(Readiness, APodThatCannotRunEndsTheWaitAndSaysWhy) {
  const Readiness pending{.state = Readiness::State::kPending, .why = "0/1 ready"};
  Json pod = Json::object();
  EXPECT_EQ(explained_by_pods(pending, {pod}).why, "0/1 ready");
  Json& waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"];
  waiting = {{"reason", "CrashLoopBackOff"}, {"message", "back-off 20s"}};
  EXPECT_EQ(explained_by_pods(pending, {pod}).state, Readiness::State::kPending);
  EXPECT_EQ(explained_by_pods(pending, {pod}).why, "back-off 20s");
  waiting = {{"reason", "ErrImageNeverPull"}, {"message", "cannot run here"}};
  EXPECT_EQ(explained_by_pods(pending, {pod}).state, Readiness::State::kHopeless);
  EXPECT_EQ(explained_by_pods(pending, {pod}).why, "cannot run here");
}

// The talk's services call http://kaito-gateway-istio: without that name nothing answers.
TEST(GatewayObjects, HaveIstiosNames) {
  const auto objects = gateway_objects({}, a_gateway("istio"), our_classes());
  ASSERT_EQ(objects.size(), 2U);
  const Json& service = objects[1];
  EXPECT_EQ(service["metadata"]["name"], "kaito-gateway-istio");
  EXPECT_EQ(service["metadata"]["ownerReferences"][0]["uid"], "u");
  ASSERT_EQ(service["spec"]["ports"].size(), 2U);
  EXPECT_EQ(service["spec"]["ports"][0]["port"], 80);
  EXPECT_EQ(service["spec"]["ports"][0]["targetPort"], 80);
  EXPECT_EQ(objects[0]["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"],
            service["spec"]["selector"]["app.kubernetes.io/name"]);
}

TEST(GatewayObjects, MoveLowPortsWhereTheyMayNotBeOpened) {
  const auto objects = gateway_objects({.low_port_offset = 8000}, a_gateway("rage"), our_classes());
  EXPECT_EQ(objects[1]["spec"]["ports"][1]["port"], 443);
  EXPECT_EQ(objects[1]["spec"]["ports"][1]["targetPort"], 8443);
  EXPECT_THAT(objects[0].dump(), HasSubstr("--low-port-offset=8000"));
}

TEST(GatewayObjects, LeaveClassesOfOthersAlone) {
  EXPECT_THAT(gateway_objects({}, a_gateway("nginx"), our_classes()), IsEmpty());
  EXPECT_THAT(gateway_objects({}, a_gateway("istio"), {}), IsEmpty());
}

Json ready_object(const char* kind, const char* name, const char* condition) {
  Json made = {{"kind", kind}, {"metadata", {{"name", name}, {"namespace", "default"}}}};
  made["status"]["conditions"] = Json::array({{{"type", condition}, {"status", "True"}}});
  return made;
}

// A script that waits for the gateway asks for it by that name.
TEST(RunningServices, HaveNamesAndAddressesToDial) {
  ServicesView view;
  view.gateways = {a_gateway("istio")};
  view.rag_engines = {ready_object("RAGEngine", "scale23x", "ServiceReady")};
  view.inference_sets = {ready_object("InferenceSet", "phi", "InferenceSetReady")};
  Json service = {{"metadata", {{"name", "kaito-gateway-istio"}, {"namespace", "default"}}}};
  service["spec"]["ports"] = Json::array({{{"port", 80}}});
  view.services = {service};
  view.addresses = {{.key = {"default", "kaito-gateway-istio", 80},
                     .address = "127.130.0.1",
                     .local_port = 8080}};
  const auto lines = running_services(view);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].name, "gateway");
  EXPECT_EQ(lines[0].url, "http://127.130.0.1:8080");
  EXPECT_FALSE(lines[0].ready);  // It has no status yet.
  EXPECT_EQ(lines[0].why, "no status yet");
  EXPECT_EQ(lines[1].name, "rag");
  EXPECT_TRUE(lines[1].ready);
  EXPECT_EQ(lines[2].name, "phi");
  EXPECT_EQ(lines[2].url, lines[0].url);
}

// Who reads that phi answers must read as well that it is another model.
TEST(RunningServices, SayWhichModelStandsInAndWhereTheyArePublished) {
  ServicesView view;
  view.workspaces = {ready_object("Workspace", "model", "WorkspaceSucceeded")};
  Json pod = {{"metadata", {{"name", "model-0"}, {"namespace", "default"}}}};
  pod["metadata"]["labels"] = {{"kaito.sh/workspace", "model"}};
  pod["metadata"]["annotations"] = {{"rage.dev/substituted-model", "phi-4 -> packaged:small"}};
  view.pods = {pod};
  Json service = {{"metadata", {{"name", "model"}, {"namespace", "default"}}}};
  service["spec"]["ports"] = Json::array({{{"port", 80}}});
  view.services = {service};
  view.addresses = {{.key = {"default", "model", 80},
                     .address = "127.130.0.1",
                     .local_port = 8080,
                     .published_port = 8301}};
  const auto lines = running_services(view);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].substituted, "phi-4 -> packaged:small");
  EXPECT_EQ(lines[0].url, "http://127.0.0.1:8301");
}

class Manifests : public testing::Test {
 protected:
  void write(const char* name, const char* text) { std::ofstream(folder_ / name) << text; }
  std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    const auto objects = read_manifests(path);
    EXPECT_TRUE(objects) << objects.error().message;
    for (const Json& object : *objects) names.push_back(object["metadata"]["name"]);
    return names;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_ = [] {
    std::string pattern = (std::filesystem::temp_directory_path() / "manifests-XXXXXX").string();
    return std::filesystem::path(mkdtemp(pattern.data()));
  }();
};

TEST_F(Manifests, OfAFolderComeInTheOrderOfItsFiles) {
  write("b.yaml", "kind: A\nmetadata: {name: second}\n---\nkind: A\nmetadata: {name: third}\n");
  write("a.json", R"({"kind": "List", "items": [{"kind": "A", "metadata": {"name": "first"}}]})");
  write("kustomization.yaml", "resources: [b.yaml]\n");
  write("notes.txt", "not a manifest");
  EXPECT_THAT(names_in(folder_.string()), ElementsAre("first", "second", "third"));
}

TEST_F(Manifests, ThatAreWrongNameTheirFile) {
  EXPECT_THAT(read_manifests(folder_.string()).error().message, HasSubstr("holds no manifests"));
  write("a.yaml", "kind: A\n");
  EXPECT_THAT(read_manifests(folder_.string()).error().message,
              HasSubstr("a.yaml: an object lacks kind or metadata.name"));
  write("a.yaml", "kind: [\n");
  EXPECT_THAT(read_manifests(folder_.string()).error().message, HasSubstr("a.yaml"));
}

}  // namespace
}  // namespace rage::platform
