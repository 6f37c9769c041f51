#include "operator/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "base/base64.h"
#include "operator/certificates.h"
#include "test_paths.h"

namespace rage::op {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Json workspace(std::string_view version = "v1beta1") {
  return {{"apiVersion", fmt::format("kaito.sh/{}", version)},
          {"kind", "Workspace"},
          {"metadata", {{"name", "ws-1"}, {"namespace", "n"}}},
          {"resource",
           {{"instanceType", "Standard_NC24ads_A100_v4"},
            {"labelSelector", {{"matchLabels", {{"apps", "phi"}}}}}}},
          {"inference", {{"preset", {{"name", "phi-4-mini-instruct"}}}}}};
}

// Neither inference nor tuning.
Json refused_workspace() {
  Json document = workspace();
  document.erase("inference");
  return document;
}

Json review(Json object, std::string_view operation = "CREATE", Json before = nullptr) {
  return {{"apiVersion", "admission.k8s.io/v1"},
          {"kind", "AdmissionReview"},
          {"request",
           {{"uid", "705ab4f5"},
            {"operation", operation},
            {"object", std::move(object)},
            {"oldObject", std::move(before)}}}};
}

Json conversion(Json objects, std::string_view version = "kaito.sh/v1beta1") {
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "ConversionReview"},
          {"request",
           {{"uid", "705ab4f5"}, {"desiredAPIVersion", version}, {"objects", std::move(objects)}}}};
}

Json ask(const Json& question, const std::string& path = "/validate/workspace.kaito.sh") {
  const net::HttpResponse response =
      answer_webhook({.method = "POST", .path = path, .body = codec::render_json(question)}, {});
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.headers.find("content-type"), "application/json");
  auto answer = codec::parse_json(response.body, kConversionLimits);
  return answer ? (*answer)["response"] : Json();
}

net::HttpResponse post_review(const std::string& path, const std::string& body) {
  return answer_webhook({.method = "POST", .path = path, .body = body}, {});
}

TEST(Admission, AdmitsAGoodWorkspaceUnderEveryPath) {
  for (const char* kind : {"workspace", "inferenceset", "ragengine", "modelmirror",
                           "multiroleinference", "autoindexer"}) {
    const Json answer = ask(review(workspace()), fmt::format("/validate/{}.kaito.sh", kind));
    const Json expected = {{"uid", "705ab4f5"}, {"allowed", true}};
    EXPECT_EQ(answer, expected);
  }
}

TEST(Admission, RefusesInUpstreamsWords) {
  const Json answer = ask(review(refused_workspace()));
  EXPECT_EQ(answer["uid"], "705ab4f5");
  EXPECT_EQ(answer["allowed"], false);
  EXPECT_EQ(answer["status"]["code"], 400);
  EXPECT_EQ(answer["status"]["reason"], "BadRequest");
  EXPECT_THAT(codec::string_or(answer["status"], "message", ""), StartsWith("validation failed: "));
}

// Upstream's webhook refuses these, and deletion hangs for ever.
TEST(Admission, NeverHoldsBackStatusFinalizersOrDeletion) {
  Json status = review(refused_workspace(), "UPDATE", workspace());
  status["request"]["subResource"] = "status";
  Json deleting = refused_workspace();
  deleting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  for (const Json& question :
       {status, review(deleting, "UPDATE", deleting), review(nullptr, "DELETE", workspace()),
        review(refused_workspace(), "CONNECT")}) {
    EXPECT_EQ(ask(question)["allowed"], true) << question.dump();
  }
  EXPECT_EQ(ask(review(refused_workspace(), "UPDATE", workspace()))["allowed"], false);
}

TEST(Admission, PassesWarningsOn) {
  const Json set = {{"apiVersion", "kaito.sh/v1beta1"},
                    {"kind", "InferenceSet"},
                    {"metadata", {{"name", "set-1"}, {"namespace", "n"}}},
                    {"spec", {{"updateStrategy", {{"type", "Fast"}}}}}};
  const Json answer = ask(review(set), "/validate/inferenceset.kaito.sh");
  ASSERT_TRUE(answer["warnings"].is_array());
  EXPECT_EQ(answer["warnings"], Json(apis::validate(set, nullptr, {}).warnings));
  EXPECT_FALSE(answer["warnings"].empty());
}

TEST(Webhook, AnswersMalformedInputWith400) {
  Json without_uid = review(workspace());
  without_uid["request"].erase("uid");
  Json other_version = review(workspace());
  other_version["apiVersion"] = "admission.k8s.io/v1beta1";
  Json without_request = review(workspace());
  without_request.erase("request");
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), without_uid.dump(),
        other_version.dump(), without_request.dump(), review(nullptr).dump(), review("text").dump(),
        conversion(Json::array()).dump(), std::string(100, '[')}) {
    const auto response = post_review("/validate/workspace.kaito.sh", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_THAT(response.body, HasSubstr("AdmissionReview")) << body;
  }
  Json without_version = conversion(Json::array());
  without_version["request"].erase("desiredAPIVersion");
  for (const Json& question :
       {without_version, conversion(nullptr), conversion(Json::object()), review(workspace())}) {
    const auto response = post_review("/convert", question.dump());
    EXPECT_EQ(response.status, 400) << question;
    EXPECT_THAT(response.body, StartsWith("ConversionReview"));
  }
}

TEST(Webhook, LimitsBodiesPathsAndMethods) {
  EXPECT_EQ(post_review("/validate/workspace.kaito.sh", std::string((8 << 20) + 1, ' ')).status,
            413);
  for (const char* path : {"/", "/validate/", "/validate/pods.kaito.sh", "/convert/"}) {
    EXPECT_EQ(post_review(path, "{}").status, 404) << path;
  }
  const auto get = answer_webhook({.method = "GET", .path = "/convert"}, {});
  EXPECT_EQ(get.status, 405);
  EXPECT_EQ(get.headers.find("allow"), "POST");
}

TEST(Conversion, ConvertsAllObjectsInOrder) {
  Json second = workspace("v1alpha1");
  second["metadata"]["name"] = "ws-2";
  const Json answer = ask(conversion({workspace("v1alpha1"), second}), "/convert");
  EXPECT_EQ(answer["uid"], "705ab4f5");
  EXPECT_EQ(answer["result"]["status"], "Success");
  ASSERT_EQ(answer["convertedObjects"].size(), 2U);
  EXPECT_EQ(answer["convertedObjects"][0]["apiVersion"], "kaito.sh/v1beta1");
  EXPECT_EQ(answer["convertedObjects"][1]["metadata"]["name"], "ws-2");
}

TEST(Conversion, FailsWholeWithTheReasonWhenOneObjectCannotBeConverted) {
  const Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}};
  const Json answer = ask(conversion({workspace(), pod}), "/convert");
  EXPECT_EQ(answer["result"]["status"], "Failure");
  EXPECT_THAT(codec::string_or(answer["result"], "message", ""), StartsWith("objects[1]: "));
  EXPECT_TRUE(answer["convertedObjects"].empty());
}

// What has been admitted must be convertible, or one deep object would make every list fail.
TEST(Conversion, TakesWhateverDepthIsAdmitted) {
  Json deep = workspace("v1alpha1");
  Json* at = &deep["inference"]["template"];
  for (int i = 0; i < 60; ++i) at = &(*at)["a"];
  *at = 1;
  deep["inference"].erase("preset");
  EXPECT_EQ(post_review("/validate/workspace.kaito.sh", review(deep).dump()).status, 200);
  EXPECT_EQ(ask(conversion(Json::array({deep})), "/convert")["result"]["status"], "Success");
  *at = {{"b", 1}};
  EXPECT_EQ(post_review("/validate/workspace.kaito.sh", review(deep).dump()).status, 400);
}

// Names, paths and policies are upstream's: otherwise its old configurations would stay, and with
// failurePolicy Fail nothing could be written any more.
TEST(WebhookConfigurations, AreAsTheGoldenFileSays) {
  Json all = Json::array();
  for (const Json& configuration : render_webhook_configurations(
           {.service_namespace = "kaito", .service_name = "workspace-webhook", .ca_pem = "CA"})) {
    all.push_back(configuration);
  }
  const std::filesystem::path path =
      test::source_dir() / "src/operator/testdata/webhook_configurations.json";
  const std::string text = codec::render_json_pretty(all) + "\n";
  if (std::getenv("RAGE_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, golden.str());
}

TEST(WebhookConfigurations, CanPointToAUrl) {
  const auto all =
      render_webhook_configurations({.url_base = "https://127.0.0.1:9443", .ca_pem = "CA"});
  ASSERT_EQ(all.size(), 6U);
  const Json expected = {{"url", "https://127.0.0.1:9443/validate/workspace.kaito.sh"},
                         {"caBundle", encode_base64("CA")}};
  EXPECT_EQ(all[0]["webhooks"][0]["clientConfig"], expected);
}

// A certificate without the name that the API server asks for makes every write fail.
TEST(ServingNames, AreWhatTheApiServerAsksFor) {
  const auto names = [](const WebhookTarget& target) {
    return serving_names(target).value_or(std::vector<std::string>{});
  };
  EXPECT_THAT(names({.service_namespace = "kaito", .service_name = "hook"}),
              testing::ElementsAre("hook.kaito.svc", "hook.kaito.svc.cluster.local"));
  EXPECT_THAT(names({.url_base = "https://127.0.0.1:9443"}), testing::ElementsAre("127.0.0.1"));
  EXPECT_THAT(names({.url_base = "https://hook.example"}), testing::ElementsAre("hook.example"));
  EXPECT_THAT(names({.url_base = "https://[::1]:9443"}), testing::ElementsAre("::1"));
  for (const char* wrong : {"http://h:1", "h:1", "https://", "https://h/x", "https://u@h",
                            "https://:1", "https://[", "https://[]:1"}) {
    EXPECT_FALSE(serving_names({.url_base = wrong})) << wrong;
  }
}

// Upstream's allow-lists and gates decide what is admitted; one that is lost admits too much.
TEST(ValidationSettings, AreTheOperators) {
  Settings settings;
  settings.provisioner = Provisioner::kKarpenter;
  settings.mig = true;
  settings.vllm = false;
  settings.node_classes = {{.name = "a", .is_default = true}, {.name = "b"}};
  const apis::ValidationSettings validation = validation_settings(settings);
  EXPECT_EQ(validation.provisioner, Provisioner::kKarpenter);
  EXPECT_TRUE(validation.mig);
  EXPECT_FALSE(validation.accelerator);
  EXPECT_FALSE(validation.vllm);
  EXPECT_THAT(validation.node_classes, testing::ElementsAre("a", "b"));
}

}  // namespace
}  // namespace rage::op
