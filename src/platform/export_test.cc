#include "platform/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "platform/quickstart.h"

namespace rage::platform {
namespace {

using testing::HasSubstr;

Json parsed(std::string_view text) {
  auto json = codec::parse_json(text);
  EXPECT_TRUE(json.has_value()) << text;
  return json ? *json : Json();
}

// A cluster refuses another cluster's addresses, and its controllers take its identity for theirs.
TEST(Export, KeepsWhatAPersonDeclaredAndNothingElse) {
  const auto service = exported(parsed(R"({"apiVersion":"v1","kind":"Service",
      "metadata":{"name":"rag","namespace":"demo","uid":"u","resourceVersion":"7","generation":2,
        "creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app":"rag"},"finalizers":["x/y"],
        "annotations":{"team":"a","kubectl.kubernetes.io/last-applied-configuration":"{}"},
        "managedFields":[{"manager":"rage-up"},{"manager":"rage-operator"}]},
      "spec":{"selector":{"app":"rag"},"clusterIP":"127.130.0.1","clusterIPs":["127.130.0.1"],
        "ports":[{"port":80,"nodePort":30080}]},"status":{"loadBalancer":{}}})"));
  ASSERT_TRUE(service.has_value());
  EXPECT_EQ(*service, parsed(R"({"apiVersion":"v1","kind":"Service",
      "metadata":{"name":"rag","namespace":"demo","labels":{"app":"rag"},
        "annotations":{"team":"a"}},
      "spec":{"selector":{"app":"rag"},"ports":[{"port":80}]}})"));
  EXPECT_EQ(export_file_name(*service), "service_demo_rag.yaml");
  const auto headless = exported(parsed(R"({"apiVersion":"v1","kind":"Service",
      "metadata":{"name":"h","namespace":"demo"},"spec":{"clusterIP":"None"}})"));
  EXPECT_EQ((*headless)["spec"]["clusterIP"], "None");
}

TEST(Export, LeavesOutWhatOthersMade) {
  const char* kNotAPersons[] = {
      R"({"kind":"Deployment","metadata":{"name":"a","namespace":"d",
          "ownerReferences":[{"kind":"RAGEngine"}]}})",
      R"({"kind":"PersistentVolumeClaim","metadata":{"name":"a","namespace":"d",
          "managedFields":[{"manager":"rage-operator"}]}})",
      R"({"kind":"Deployment","metadata":{"name":"rage-operator","namespace":"rage-system"}})",
      R"({"kind":"Namespace","metadata":{"name":"default"}})",
      R"({"kind":"ConfigMap","metadata":{"name":"kube-root-ca.crt","namespace":"d"}})",
      R"({"kind":"GatewayClass","metadata":{"name":"rage"},
          "spec":{"controllerName":"rage.dev/gateway"}})",
      R"({"kind":"ConfigMap","metadata":{"name":"a","namespace":"d",
          "deletionTimestamp":"2026-01-01T00:00:00Z"}})",
  };
  for (const char* text : kNotAPersons) EXPECT_FALSE(exported(parsed(text))) << text;
  EXPECT_TRUE(is_exported_kind("kaito.sh", "InferenceSet", ExportSecrets::kLeaveOut));
  EXPECT_TRUE(is_exported_kind("", "Secret", ExportSecrets::kInclude));
  EXPECT_FALSE(is_exported_kind("", "Secret", ExportSecrets::kLeaveOut));
  EXPECT_FALSE(is_exported_kind("", "Pod", ExportSecrets::kInclude));
}

// `rage up` would end with a parse error, or serve another model than it was told to.
TEST(Quickstart, IsWhatItsSettingsSay) {
  const auto objects = quickstart_objects({.model = "packaged:other", .index = "handbook"});
  ASSERT_TRUE(objects) << objects.error().message;
  std::set<std::string> kinds;
  for (const Json& object : *objects) {
    kinds.insert(object["kind"]);
    EXPECT_EQ(object["metadata"]["labels"]["app.kubernetes.io/part-of"], kQuickstartLabel);
    if (object["kind"] == "Workspace") {
      EXPECT_EQ(object["inference"]["preset"]["name"], "packaged:other");
    }
    if (object["kind"] == "Deployment") {
      EXPECT_THAT(object.dump(), HasSubstr(R"("handbook")"));
    }
  }
  EXPECT_THAT(kinds, testing::IsSupersetOf({"Workspace", "RAGEngine", "Deployment", "Gateway"}));
  EXPECT_EQ(quickstart_substitute({.model = "packaged:other"}), "");
  EXPECT_EQ(quickstart_substitute({.model = "hf://o/r/f.gguf"}),
            "smollm2-135m-instruct=hf://o/r/f.gguf");
}

TEST(Quickstart, PublishesPortsThatTheNodeUnderstands) {
  std::set<std::uint16_t> ports;
  for (const std::string& text : publish_rules(9300)) {
    const auto rule = node::parse_publish_rule(text);
    ASSERT_TRUE(rule) << rule.error().message;
    ports.insert(rule->port);
  }
  EXPECT_EQ(ports, (std::set<std::uint16_t>{9300, 9301, 9302, 9303}));
}

}  // namespace
}  // namespace rage::platform
