#include "apis/crds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "apis/kinds.h"
#include "apis/random_document_for_test.h"
#include "base/files.h"
#include "codec/json_for_test.h"
#include "codec/yaml_writer.h"
#include "test_paths.h"

namespace rage::apis {
namespace {

using codec::json_of;
using testing::HasSubstr;

// The files that people install by hand must be what the operator installs.
TEST(Crds, AreTheFilesOfTheRepository) {
  for (const Json& crd : render_crds()) {
    const std::string name = crd["spec"]["names"]["plural"].get<std::string>() + ".kaito.sh.yaml";
    const std::filesystem::path path = test::source_dir() / "deploy/crds" / name;
    const std::string text = codec::render_yaml(crd);
    if (std::getenv("RAGE_WRITE_GOLDEN") != nullptr) {
      ASSERT_TRUE(write_file_atomically(path, text).has_value());
    }
    const Result<std::string> golden = read_file(path, 1 << 20);
    ASSERT_TRUE(golden.has_value()) << path;
    EXPECT_EQ(text, *golden) << name << ": run this test with RAGE_WRITE_GOLDEN=1";
  }
}

TEST(Crds, StoreTheLastVersionAndServeAll) {
  std::vector<std::string> kinds;
  for (const Json& crd : render_crds()) {
    kinds.push_back(crd["spec"]["names"]["kind"]);
    int stored = 0;
    for (const Json& version : crd["spec"]["versions"]) {
      EXPECT_EQ(version["served"], true);
      stored += version["storage"].get<bool>() ? 1 : 0;
    }
    EXPECT_EQ(stored, 1);
    EXPECT_FALSE(crd["spec"].contains("conversion"));
  }
  EXPECT_THAT(kinds, testing::ElementsAre("Workspace", "InferenceSet", "RAGEngine", "ModelMirror",
                                          "MultiRoleInference", "AutoIndexer"));
}

TEST(Crds, ConvertByWebhookWhereThereAreTwoVersions) {
  const auto crds = render_crds({.conversion_webhook = true,
                                 .webhook_service_name = "svc",
                                 .webhook_service_namespace = "ns",
                                 .webhook_service_port = 9443,
                                 .ca_bundle_base64 = "Q0E="});
  EXPECT_EQ(crds[0]["spec"]["conversion"], json_of(R"({"strategy":"Webhook","webhook":{
      "clientConfig":{"service":{"name":"svc","namespace":"ns","path":"/convert","port":9443},
                      "caBundle":"Q0E="},"conversionReviewVersions":["v1"]}})"));
  EXPECT_FALSE(crds[3]["spec"].contains("conversion"));
}

// kubectl scale, an autoscaler and the printed columns are what people script against.
TEST(Crds, KeepUpstreamsColumnsFirst) {
  const std::vector<Json> crds = render_crds();
  const auto columns = [&](int kind, int version) {
    std::string names;
    for (const Json& column : crds[kind]["spec"]["versions"][version]["additionalPrinterColumns"]) {
      if (!column.contains("priority")) names += column["name"].get<std::string>() + " ";
    }
    return names;
  };
  EXPECT_EQ(columns(0, 0),
            "Instance ResourceReady InferenceReady JobStarted WorkspaceSucceeded Age ");
  EXPECT_EQ(columns(0, 1),
            "Instance ResourceReady InferenceReady JobStarted WorkspaceSucceeded TargetNodeCount "
            "State Age ");
  EXPECT_EQ(columns(1, 1), "Replicas ReadyReplicas Age ");
  EXPECT_EQ(columns(2, 1), "Instance ResourceReady ServiceReady Age ");
  EXPECT_EQ(crds[1]["spec"]["versions"][1]["subresources"]["scale"]["labelSelectorPath"],
            ".status.selector");
}

std::string schema_error(const ResourceType& type, std::string_view text) {
  Json document = json_of(text);
  const Result<void> checked = check_schema(type, document);
  return checked ? "" : checked.error().message;
}

TEST(CheckSchema, FillsInDefaultsAndPrunes) {
  Json document = json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"InferenceSet",
    "metadata":{"name":"a","unknown":1},"typo":1,
    "spec":{"replicas":null,"labelSelector":{},"template":{"metadata":{"labels":{"x":"y"}},
      "inference":{"preset":{"name":"m","typo":2},"adapters":[]}}}})");
  ASSERT_TRUE(check_schema(inference_set_type(), document).has_value());
  EXPECT_EQ(document["spec"]["replicas"], 1);
  EXPECT_EQ(document["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"], 1);
  EXPECT_EQ(document["spec"]["template"]["inference"]["preset"],
            json_of(R"({"name":"m","accessMode":"public"})"));
  EXPECT_EQ(document["spec"]["template"]["metadata"]["labels"]["x"], "y");
  EXPECT_FALSE(document.contains("typo"));
  EXPECT_TRUE(document["metadata"].contains("unknown"));
}

TEST(CheckSchema, KeepsWhatIsSchemaless) {
  Json document = json_of(R"({"inference":{"template":{"spec":{"containers":[{"name":"c"}]}}}})");
  ASSERT_TRUE(check_schema(workspace_type(), document).has_value());
  EXPECT_EQ(document["inference"]["template"]["spec"]["containers"][0]["name"], "c");
}

TEST(CheckSchema, SaysWhatIsWrongAsTheApiServerDoes) {
  const ResourceType& set = inference_set_type();
  constexpr const char* kRest = R"("labelSelector":{},"template":{"inference":{}})";
  const auto spec = [&](std::string_view more) {
    return fmt::format(R"({{"spec":{{{},{}}}}})", kRest, more);
  };
  EXPECT_EQ(schema_error(set, spec(R"("replicas":1)")), "");
  EXPECT_EQ(schema_error(set, spec(R"("replicas":-1)")),
            "spec.replicas: Invalid value: -1: should be greater than or equal to 0");
  EXPECT_EQ(schema_error(set, spec(R"("replicas":"1")")),
            "spec.replicas: Invalid value: \"string\": must be of type integer");
  EXPECT_THAT(schema_error(set, spec(R"("replicas":1.5)")), HasSubstr("must be of type integer"));
  EXPECT_THAT(schema_error(set, spec(R"("replicas":3000000000)")), HasSubstr("32-bit"));
  EXPECT_EQ(schema_error(set, spec(R"("autoUpgrade":{"strategy":"Fast"})")),
            "spec.autoUpgrade.strategy: Unsupported value: \"Fast\": supported values: "
            "\"InPlace\", \"Surge\"");
  EXPECT_EQ(schema_error(set, R"({"spec":{"labelSelector":{}}})"), "spec.template: Required value");
  EXPECT_EQ(schema_error(set, R"({"spec":{}})"),
            "[spec.template: Required value, spec.labelSelector: Required value]");
  EXPECT_EQ(schema_error(set, R"({"spec":[]})"),
            "spec: Invalid value: \"array\": must be of type object");
}

TEST(CheckSchema, ChecksLengthsPatternsAndLists) {
  const ResourceType& indexer = auto_indexer_type();
  const auto with_source = [](std::string_view source) {
    return fmt::format(R"({{"spec":{{"ragEngine":"r","indexName":"i","source":{}}}}})", source);
  };
  EXPECT_EQ(schema_error(indexer, with_source(R"({"http":{"urls":["https://x"]}})")), "");
  EXPECT_EQ(schema_error(indexer, with_source(R"({"http":{"urls":[]}})")),
            "spec.source.http.urls: Invalid value: []: should have at least 1 items");
  EXPECT_EQ(schema_error(indexer, with_source(R"({"http":{"urls":["x",""]}})")),
            "spec.source.http.urls[1]: Invalid value: \"\": should have at least 1 characters");
  EXPECT_THAT(schema_error(model_mirror_type(), R"({"spec":{"storage":{"size":"big"}}})"),
              HasSubstr("spec.storage.size: Invalid value: \"big\": should match"));
  EXPECT_THAT(schema_error(multi_role_inference_type(),
                           R"({"spec":{"labelSelector":{},"model":{"name":"m"},
                               "roles":[{"type":"prefill"}]}})"),
              HasSubstr("spec.roles: Invalid value"));
  EXPECT_THAT(schema_error(model_mirror_type(), R"({"status":{"lastDownloadTime":"today"}})"),
              HasSubstr("must be of type date-time"));
  EXPECT_EQ(schema_error(model_mirror_type(),
                         R"({"status":{"lastDownloadTime":"2026-01-02T03:04:05.6+07:00"}})"),
            "");
  std::string long_name(300, 'x');
  EXPECT_THAT(schema_error(workspace_type(),
                           fmt::format(R"({{"inference":{{"config":"{}"}}}})", long_name)),
              HasSubstr("may not be more than 253 characters"));
}

// Found by asking the API server about random objects: it drops the label and admits the rest.
TEST(CheckSchema, TakesANullInAMapForAnAbsentValue) {
  EXPECT_EQ(schema_error(workspace_type(),
                         R"({"resource":{"labelSelector":{"matchLabels":{"apps":null}}}})"),
            "");
}

TEST(CheckSchema, LeavesOtherKindsAlone) {
  EXPECT_EQ(schema_error(builtin_type("Pod"), R"({"spec":7})"), "");
}

TEST(CheckSchema, SurvivesDamagedDocuments) {
  RandomDocuments random(3);
  int refused = 0;
  for (const KindDescription& kind : kind_descriptions()) {
    for (int i = 0; i < 30; ++i) {
      Json document = random.document(kind.type.kind, kind.type.version);
      random.damage(document);
      random.damage(document);
      if (!check_schema(kind.type, document).has_value()) ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace rage::apis
