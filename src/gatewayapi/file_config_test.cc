#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(FileConfig, ReadsAFolder) {
  const auto folder = *TemporaryDirectory::create("gatewayapi");
  const auto write = [&](const char* name, std::string_view text) {
    ASSERT_TRUE(write_file_atomically(folder->path() / name, text));
  };
  ASSERT_TRUE(ensure_directory(folder->path() / "routes"));
  write("gateway.yaml", kGatewayYaml);
  write("routes/one.yml",
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
        "metadata: {name: one}\nspec: {parentRefs: [{name: gw}], "
        "rules: [{name: r}]}\n");
  write("pool.json", R"({"apiVersion":"inference.networking.k8s.io/v1","kind":"InferencePool",
    "metadata":{"name":"p"},"spec":{"selector":{"matchLabels":{"a":"b"}},
    "targetPorts":[{"number":1}]}})");
  write("rest.yaml", R"(
apiVersion: llm-d.ai/v1alpha2
kind: InferenceObjective
metadata: {name: o}
spec: {priority: 1}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: m}
---
apiVersion: llm-d.ai/v1
kind: EndpointPickerConfig
plugins: []
)");
  write("notes.txt", "not: [yaml");
  const auto config = read_files(folder->path());
  ASSERT_TRUE(config.has_value());
  EXPECT_THAT(config->problems, IsEmpty());
  const World& world = config->world;
  EXPECT_EQ(world.http_routes.count({"default", "one"}), 1U);
  EXPECT_EQ(world.pools.count({"default", "p"}), 1U);
  EXPECT_EQ(world.objectives.at({"default", "o"})["spec"]["priority"], 1);
  EXPECT_EQ(world.model_rewrites.size(), 1U);
  EXPECT_EQ(world.picker_configs.size(), 1U);
  EXPECT_EQ(answer(compile(world, {}).gateways.at(0), "GET h /"), "r");
  EXPECT_FALSE(read_files(folder->path() / "none").has_value());
  EXPECT_EQ(read_files(folder->path() / "pool.json")->world.pools.size(), 1U);
}

TEST(FileConfig, SaysWhereAndWhat) {
  struct Case {
    const char* text;
    const char* where;
    const char* message;
  };
  constexpr Case kCases[] = {
      {"a: [b", "test", "line"},
      {"- 1\n- 2", "test", "not an object"},
      {"kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}", "test",
       "apiVersion 'v1', kind 'ConfigMap' is not known here"},
      {"kind: Gateway\napiVersion: x.org/v1\nmetadata: {name: a}", "test",
       "apiVersion 'x.org/v1', kind 'Gateway' is not known here"},
      {"kind: Service\napiVersion: v1\nmetadata: {}", "test", "metadata.name: is required"},
      {"kind: Service\napiVersion: v1\nmetadata: {name: a}\n---\nkind: Service\napiVersion: v1\n"
       "metadata: {name: a}",
       "test, document 2", "Service 'default/a' is given twice; this one counts"},
      {"kind: HTTPRoute\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: a}\n"
       "spec: {rules: [{matches: [{method: get}]}]}",
       "test", "HTTPRoute 'default/a': spec.rules[0].matches[0].method: 'get' is not a method"},
      {"kind: Gateway\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: a}\n"
       "spec: {gatewayClassName: c, listeners: [{name: a, port: 0, protocol: HTTP}]}",
       "test", "spec.listeners[0].port"},
      {"kind: List\napiVersion: v1\nitems: [{kind: Service, apiVersion: v1}]", "test, item 1",
       "metadata.name: is required"},
      {"kind: Secret\napiVersion: v1\nmetadata: {name: a}\ntype: Opaque", "test",
       "its type is not kubernetes.io/tls"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    const FileConfig config = config_of(c.text);
    ASSERT_EQ(config.problems.size(), 1U);
    EXPECT_EQ(config.problems[0].where, c.where);
    EXPECT_THAT(config.problems[0].message, HasSubstr(c.message));
  }
}

TEST(FileConfig, OlderVersionsReadAsNewer) {
  const World world = world_of(R"(
kind: HTTPRoute
apiVersion: gateway.networking.k8s.io/v1beta1
metadata: {name: a, namespace: ns}
---
kind: List
apiVersion: v1
items:
- {kind: Namespace, apiVersion: v1, metadata: {name: ns, labels: {a: b}}}
- {kind: GatewayClass, apiVersion: gateway.networking.k8s.io/v1beta1, metadata: {name: c},
   spec: {controllerName: x/y}}
)");
  EXPECT_EQ(world.http_routes.count({"ns", "a"}), 1U);
  EXPECT_EQ(world.namespaces.at({"", "ns"}).labels.at("a"), "b");
  EXPECT_EQ(world.classes.at({"", "c"}).controller, "x/y");
}

TEST(FileConfig, ObjectsLeaveAsTheyCame) {
  World world = world_of(kGatewayYaml);
  const Json route = route_document(yaml_of("{name: a}"));
  ASSERT_TRUE(*put_object(world, route));
  EXPECT_EQ(world.http_routes.size(), 1U);
  remove_object(world, route);
  EXPECT_THAT(world.http_routes, IsEmpty());
  remove_object(world, route);
  remove_object(world, Json("text"));
  EXPECT_FALSE(*put_object(world, yaml_of("{kind: Lease, apiVersion: coordination.k8s.io/v1}")));
  EXPECT_FALSE(put_object(world, Json::array()).has_value());
}

}  // namespace
}  // namespace rage::gatewayapi
