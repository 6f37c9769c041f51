#include "apis/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apis/detail/formats.h"
#include "apis/random_document_for_test.h"
#include "codec/json_for_test.h"

namespace rage::apis {
namespace {

using codec::json_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> messages(const Verdict& verdict) {
  std::vector<std::string> list;
  for (const Violation& violation : verdict.violations) list.push_back(violation.message);
  return list;
}

ValidationSettings settings_with(Provisioner provisioner) {
  ValidationSettings settings;
  settings.provisioner = provisioner;
  return settings;
}

std::vector<std::string> on_create(const Json& document, const ValidationSettings& settings = {}) {
  return messages(validate(document, Json(), settings));
}

std::vector<std::string> on_update(const Json& document, const Json& before,
                                   const ValidationSettings& settings = {}) {
  return messages(validate(document, before, settings));
}

// `{}` merged in: RFC 7386, on whatever the test changes.
Json changed(Json document, std::string_view patch) {
  document.merge_patch(json_of(patch));
  return document;
}

Json a_workspace() {
  return json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"Workspace","metadata":{"name":"ws"},
    "resource":{"count":1,"instanceType":"Standard_NC24ads_A100_v4",
                "labelSelector":{"matchLabels":{"apps":"x"}}},
    "inference":{"preset":{"name":"phi-4","accessMode":"public"}}})");
}

Json a_tuning() {
  return json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"Workspace","metadata":{"name":"ws"},
    "resource":{"instanceType":"t","labelSelector":{"matchLabels":{"apps":"x"}}},
    "tuning":{"preset":{"name":"phi-4"},"method":"QLoRA",
      "input":{"urls":["https://example.com/data.parquet"]},
      "output":{"image":"reg.io/out:1","imagePushSecret":"s"}}})");
}

Json a_set() {
  return json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"InferenceSet","metadata":{"name":"is"},
    "spec":{"replicas":1,"labelSelector":{"matchLabels":{"apps":"x"}},
      "template":{"resource":{"instanceType":"t"},"inference":{"preset":{"name":"phi-4"}}}}})");
}

Json an_engine() {
  return json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"RAGEngine","metadata":{"name":"r"},
    "spec":{"compute":{"instanceType":"t","labelSelector":{"matchLabels":{"apps":"x"}}},
      "embedding":{"local":{"modelID":"BAAI/bge-small-en-v1.5"}},
      "inferenceService":{"url":"http://i/v1/chat/completions","contextWindowSize":4096}}})");
}

TEST(ValidateWorkspace, AdmitsWhatIsRight) {
  EXPECT_THAT(on_create(a_workspace()), IsEmpty());
  EXPECT_THAT(on_create(a_tuning()), IsEmpty());
}

TEST(ValidateWorkspace, RefusesWrongOnesInUpstreamsWords) {
  struct Case {
    const char* patch;
    const char* message;
  };
  const std::vector<Case> cases = {
      {R"({"metadata":{"name":"a.b"}})", "invalid value: a.b: metadata.name"},
      {R"({"inference":null})", "Either Inference or Tuning must be specified, but not both"},
      {R"({"resource":{"instanceType":null}})", "missing field(s): resource.instanceType"},
      {R"({"resource":{"partition":{"mode":"mig"}}})", "partition needs nodes that are there"},
      {R"({"resource":{"labelSelector":{"matchLabels":{"apps":null,"kaito.sh/workspace":"x"}}}})",
       "labelSelector must not consist of reserved labels alone"},
      {R"({"resource":{"labelSelector":{"matchExpressions":[{"key":"a","operator":"Exists"}]}}})",
       "only matchLabels"},
      {R"({"inference":{"template":{}}})", "Preset and Template cannot be set at the same time"},
      {R"({"inference":{"preset":null}})", "Preset or Template must be specified"},
      {R"({"inference":{"preset":{"name":""}}})", "missing field(s): inference.preset.name"},
      {R"({"inference":{"adapters":[{}]}})", "missing field(s): inference.adapters[0].source"},
      {R"({"inference":{"adapters":[{"source":{"name":"a","image":"i"},"strength":"0.5"}]}})",
       "vLLM does not support adapter strength: inference.adapters[0].strength"},
      {R"({"inference":{"adapters":[{"source":{"name":"a","urls":["http://x"]}}]}})",
       "URLs are not supported"},
      {R"({"inference":{"adapters":[{"source":{"name":"a"}}]}})", "One and only one of"},
      {R"({"inference":{"adapters":[{"source":{"name":"A_b","image":"i"}}]}})", "A_b"},
      {R"({"inference":{"adapters":[{"source":{"name":"a","image":"i"}},
                                    {"source":{"name":"a","image":"j"}}]}})",
       "Duplicate adapter source name found: a"},
      {R"({"metadata":{"annotations":{"kaito.sh/node-image-family":"windows"}}})",
       "invalid value: windows"},
      {R"({"metadata":{"annotations":{"kaito.sh/performance-mode":"fast"}}})",
       "invalid value: fast"},
      {R"({"metadata":{"annotations":{"kaito.sh/use-local-weights":"True"}}})",
       "invalid value: True"},
      {R"({"resource":{"count":"two"}})", "resource.count: must be a 32-bit integer"}};
  for (const Case& one : cases) {
    EXPECT_THAT(on_create(changed(a_workspace(), one.patch)),
                testing::Contains(HasSubstr(one.message)))
        << one.patch;
  }
}

TEST(ValidateWorkspace, AdmitsOddButRightOnes) {
  for (const char* patch :
       {R"({"metadata":{"annotations":{"kaito.sh/node-image-family":" AzureLinux "}}})",
        R"({"metadata":{"annotations":{"kaito.sh/runtime":"transformers"}},
            "inference":{"adapters":[{"source":{"name":"a","image":"i"},"strength":"1"}]}})",
        R"({"metadata":{"annotations":{"kaito.sh/node-class-name":"any"}}})",
        R"({"inference":{"preset":null,"template":{"spec":{}}}})",
        R"({"metadata":{"name":null,"generateName":"set-"}})"}) {
    EXPECT_THAT(on_create(changed(a_workspace(), patch)), IsEmpty()) << patch;
  }
}

TEST(ValidateWorkspace, BringYourOwnNodes) {
  ValidationSettings byo = settings_with(Provisioner::kByo);
  byo.mig = true;
  EXPECT_THAT(on_create(a_workspace(), byo),
              ElementsAre("must not set the field(s): resource.instanceType"));
  const Json on_nodes = changed(a_workspace(), R"({"resource":{"instanceType":null}})");
  EXPECT_THAT(on_create(on_nodes, byo), IsEmpty());
  EXPECT_THAT(on_create(changed(on_nodes, R"({"resource":{"partition":
      {"mode":"mig","profile":"3g.40gb"}}})"),
                        byo),
              IsEmpty());
  EXPECT_THAT(on_create(changed(on_nodes, R"({"resource":{"partition":
      {"mode":"mig","profile":"half","count":1}}})"),
                        byo),
              testing::SizeIs(2));
  EXPECT_THAT(on_create(changed(on_nodes, R"({"resource":{"partition":
      {"mode":"accelerator","count":1}}})"),
                        byo),
              ElementsAre(HasSubstr("enableAccelerator")));
}

// v1alpha1 fills in a machine type that nobody asked for.
TEST(ValidateWorkspace, TheOldVersionsDefaultMachineIsNoReasonToRefuse) {
  Json old = a_workspace();
  old["apiVersion"] = "kaito.sh/v1alpha1";
  EXPECT_THAT(on_create(old, settings_with(Provisioner::kByo)), IsEmpty());
}

TEST(ValidateWorkspace, NodeClassesAreAListOfTheOperator) {
  const ValidationSettings karpenter = {.provisioner = Provisioner::kKarpenter,
                                        .node_classes = {"gpu"}};
  const Json other =
      changed(a_workspace(), R"({"metadata":{"annotations":{"kaito.sh/node-class-name":"x"}}})");
  EXPECT_THAT(on_create(other, karpenter), ElementsAre(HasSubstr("invalid value: x")));
  // A class that was withdrawn later must not stop other edits.
  EXPECT_THAT(
      on_update(changed(other, R"({"metadata":{"annotations":{"a":"b"}}})"), other, karpenter),
      IsEmpty());
}

TEST(ValidateWorkspace, WhatCannotBeChanged) {
  for (const char* patch :
       {R"({"resource":{"count":2}})", R"({"resource":{"instanceType":"other"}})",
        R"({"resource":{"labelSelector":{"matchLabels":{"b":"c"}}}})",
        R"({"resource":{"partition":{"mode":"mig"}}})", R"({"inference":{"preset":{"name":"x"}}})",
        R"({"inference":{"preset":{"presetOptions":{"modelAccessSecret":"s"}}}})",
        R"({"inference":{"preset":null,"template":{}}})",
        R"({"inference":null,"tuning":{"method":"lora"}})"}) {
    EXPECT_THAT(on_update(changed(a_workspace(), patch), a_workspace()),
                testing::Contains(HasSubstr("field is immutable")))
        << patch;
  }
}

TEST(ValidateWorkspace, WhatCanBeChanged) {
  EXPECT_THAT(on_update(changed(a_workspace(), R"({"inference":{"config":"c",
      "adapters":[{"source":{"name":"a","image":"i"}}]}})"),
                        a_workspace()),
              IsEmpty());
  // The same labels in another form.
  EXPECT_THAT(on_update(changed(a_workspace(), R"({"resource":{"labelSelector":{"matchLabels":null,
      "matchExpressions":[{"key":"apps","operator":"In","values":["x"]}]}}})"),
                        a_workspace()),
              IsEmpty());
}

// An object that the rules of today refuse must still be able to report its state and to go.
TEST(Validate, NeverRefusesStatusWritesAndFinalizerRemoval) {
  const Json wrong = changed(a_workspace(), R"({"metadata":{"finalizers":["f"]},
      "resource":{"instanceType":null,"partition":{"mode":"mig"}},"inference":{"preset":null}})");
  EXPECT_THAT(on_create(wrong), testing::Not(IsEmpty()));
  EXPECT_THAT(on_update(changed(wrong, R"({"status":{"state":"Ready"}})"), wrong), IsEmpty());
  EXPECT_THAT(on_update(changed(wrong, R"({"metadata":{"finalizers":null}})"), wrong), IsEmpty());
  EXPECT_THAT(on_update(changed(wrong, R"({"metadata":{"deletionTimestamp":"t","annotations":
      {"a":"b"}}})"),
                        wrong),
              IsEmpty());
}

// After a switch from bring-your-own nodes to provisioned ones.
TEST(Validate, AnUnchangedInstanceTypeIsNeverAReason) {
  const Json on_nodes = changed(a_workspace(), R"({"resource":{"instanceType":null}})");
  EXPECT_THAT(on_update(changed(on_nodes, R"({"inference":{"config":"c"}})"), on_nodes), IsEmpty());
  const ValidationSettings byo = settings_with(Provisioner::kByo);
  EXPECT_THAT(on_update(on_nodes, a_workspace(), byo), IsEmpty());
  EXPECT_THAT(
      on_update(changed(a_workspace(), R"({"inference":{"config":"c"}})"), a_workspace(), byo),
      IsEmpty());
}

TEST(ValidateTuning, RefusesWrongOnes) {
  struct Case {
    const char* patch;
    const char* message;
  };
  const std::vector<Case> cases = {
      {R"({"resource":{"count":2}})", "multinode"},
      {R"({"tuning":{"method":"full"}})", "invalid value: full: tuning.method"},
      {R"({"tuning":{"preset":null}})", "missing field(s): tuning.preset"},
      {R"({"tuning":{"input":{"image":"i"}}})", "Exactly one of URLs, Volume, or Image"},
      {R"({"tuning":{"input":{"urls":["ftp://x/y"]}}})", "invalid value: ftp://x/y"},
      {R"({"tuning":{"input":{"urls":["http://169.254.169.254/token"]}}})", "169.254"},
      {R"({"tuning":{"output":{"image":"BAD IMAGE"}}})", "invalid value: BAD IMAGE"},
      {R"({"tuning":{"output":{"imagePushSecret":null}}})",
       "missing field(s): tuning.output.imagePushSecret"},
      {R"({"tuning":{"output":{"volumeSource":{}}}})", "Exactly one of Volume or Image"}};
  for (const Case& one : cases) {
    EXPECT_THAT(on_create(changed(a_tuning(), one.patch)),
                testing::Contains(HasSubstr(one.message)))
        << one.patch;
  }
  for (const char* patch :
       {R"({"tuning":{"preset":{"name":"x"}}})", R"({"tuning":{"method":"lora"}})",
        R"({"tuning":{"input":{"name":"x"}}})"}) {
    EXPECT_THAT(on_update(changed(a_tuning(), patch), a_tuning()),
                testing::Contains(HasSubstr("field is immutable")))
        << patch;
  }
}

TEST(ValidateInferenceSet, ChecksItselfAndItsTemplate) {
  EXPECT_THAT(on_create(a_set()), IsEmpty());
  struct Case {
    const char* patch;
    const char* message;
  };
  const std::vector<Case> cases = {
      {R"({"spec":{"replicas":-1}})", "invalid value: -1: spec.replicas"},
      {R"({"spec":{"template":{"resource":{"instanceType":null}}}})",
       "missing field(s): spec.template.resource.instanceType"},
      {R"({"spec":{"template":{"inference":{"preset":null}}}})",
       "Preset or Template must be specified: spec.template.inference"},
      {R"({"spec":{"autoUpgrade":{"maintenanceWindow":{"schedule":"often"}}}})",
       "invalid value: often: spec.autoUpgrade.maintenanceWindow.schedule"},
      {R"({"spec":{"autoUpgrade":{"maintenanceWindow":{"schedule":"0 2 * * 6",
           "duration":"0s"}}}})",
       "invalid value: 0s"},
      {R"({"spec":{"updateStrategy":{"rollingUpdate":{"maxUnavailable":0}}}})",
       "may not both be 0"},
      {R"({"metadata":{"name":"UPPER"}})", "invalid value: UPPER: metadata.name"}};
  for (const Case& one : cases) {
    EXPECT_THAT(on_create(changed(a_set(), one.patch)), testing::Contains(HasSubstr(one.message)))
        << one.patch;
  }
}

// A roll-out is a change of the template.
TEST(ValidateInferenceSet, TheTemplateMayChange) {
  EXPECT_THAT(on_update(changed(a_set(), R"({"spec":{"template":{"resource":{"instanceType":"u"},
      "inference":{"preset":{"name":"x"}}}}})"),
                        a_set()),
              IsEmpty());
  EXPECT_THAT(
      validate(changed(a_set(), R"({"spec":{"updateStrategy":{"type":"Fast"}}})"), Json(), {})
          .warnings,
      testing::SizeIs(1));
}

TEST(ValidateRagEngine, ChecksEachPart) {
  EXPECT_THAT(on_create(an_engine()), IsEmpty());
  struct Case {
    const char* patch;
    const char* message;
  };
  const std::vector<Case> cases = {
      {R"({"spec":{"embedding":{"remote":{"url":"http://x"}}}})", "Only one of remote or local"},
      {R"({"spec":{"embedding":null}})", "not neither: spec.embedding"},
      {R"({"spec":{"embedding":{"local":{"image":"reg.io/x:1"}}}})", "Exactly one of image and"},
      {R"({"spec":{"embedding":{"local":{"modelID":null,"image":"x"}}}})", "registry/repository"},
      {R"({"spec":{"compute":{"instanceType":null}}})",
       "missing field(s): spec.compute.instanceType"},
      {R"({"spec":{"inferenceService":{"url":"no url"}}})", "invalid value: no url"},
      {R"({"spec":{"inferenceService":{"contextWindowSize":0}}})", "must be above 0"},
      {R"({"spec":{"storage":{"persistentVolume":{"size":"big"}}}})", "invalid value: big"},
      {R"({"spec":{"storage":{"persistentVolume":{"mountPath":"x"}}}})", "absolute"},
      {R"({"spec":{"storage":{"vectorDB":{"engine":"other"}}}})", "faiss, qdrant or postgres"},
      {R"({"spec":{"storage":{"vectorDB":{"engine":"Qdrant"}}}})", "spec.storage.vectorDB.url"},
      {R"({"spec":{"storage":{"vectorDB":{"engine":"qdrant","url":"q"}}}})", "is not a URL"},
      {R"({"spec":{"storage":{"vectorDB":{"url":"http://q"}}}})", "where there is a url"}};
  for (const Case& one : cases) {
    EXPECT_THAT(on_create(changed(an_engine(), one.patch)),
                testing::Contains(HasSubstr(one.message)))
        << one.patch;
  }
  const auto with_postgres = changed(an_engine(), R"({"spec":{"storage":{"vectorDB":{
      "engine":"postgres","url":"postgresql://rage@db:5432/rage","accessSecret":"db"}}}})");
  EXPECT_THAT(on_create(with_postgres), IsEmpty());
  EXPECT_THAT(on_update(changed(an_engine(), R"({"spec":{"compute":null}})"), an_engine()),
              ElementsAre(HasSubstr("field is immutable")));
  EXPECT_THAT(on_create(an_engine(), settings_with(Provisioner::kByo)), IsEmpty());
}

TEST(ValidateModelMirror, ManagedAndStatic) {
  const Json managed = json_of(R"({"apiVersion":"kaito.sh/v1alpha1","kind":"ModelMirror",
    "metadata":{"name":"m"},"spec":{"source":{"registry":"huggingface","modelID":"a/b"},
    "storage":{"size":"100Gi","storageClassName":"fast"}}})");
  EXPECT_THAT(on_create(managed), IsEmpty());
  EXPECT_THAT(on_create(changed(managed, R"({"spec":{"storage":{"storageClassName":null}}})")),
              ElementsAre("missing field(s): spec.storage.storageClassName"));
  EXPECT_THAT(on_create(changed(managed, R"({"spec":{"storage":{"size":"much"}}})")),
              ElementsAre(HasSubstr("invalid value: much")));
  EXPECT_THAT(on_create(changed(managed, R"({"spec":{"mode":"Static","storage":null}})")),
              ElementsAre("must not set the field(s): spec.source"));
  EXPECT_THAT(on_update(changed(managed, R"({"spec":{"jobNamespace":"x"}})"), managed),
              ElementsAre("field is immutable: spec"));
}

TEST(ValidateMultiRoleInference, OneOfEachRole) {
  const Json roles = json_of(R"({"apiVersion":"kaito.sh/v1alpha1","kind":"MultiRoleInference",
    "metadata":{"name":"m"},"spec":{"labelSelector":{"matchLabels":{"a":"b"}},
    "model":{"name":"phi-4"},"roles":[{"type":"prefill","instanceType":"t"},
                                      {"type":"decode","instanceType":"t","replicas":2}]}})");
  EXPECT_THAT(on_create(roles), IsEmpty());
  Json twice = roles;
  twice["spec"]["roles"][1]["type"] = "prefill";
  EXPECT_THAT(on_create(twice), ElementsAre(HasSubstr("one prefill role and one decode role")));
  Json none = roles;
  none["spec"]["roles"][0]["replicas"] = 0;
  none["spec"]["roles"][1].erase("instanceType");
  EXPECT_THAT(on_create(none), testing::SizeIs(2));
  EXPECT_THAT(on_update(changed(roles, R"({"spec":{"model":{"name":"x"}}})"), roles),
              ElementsAre("field is immutable: spec.model.name"));
  EXPECT_THAT(on_create(changed(roles, R"({"spec":{"labelSelector":{"matchLabels":null}}})")),
              ElementsAre("missing field(s): spec.labelSelector"));
}

TEST(ValidateAutoIndexer, SourceAndSchedule) {
  const Json indexer = json_of(R"({"apiVersion":"kaito.sh/v1alpha1","kind":"AutoIndexer",
    "metadata":{"name":"a"},"spec":{"ragEngine":"r","indexName":"i","schedule":"*/5 * * * *",
    "source":{"http":{"urls":["https://example.com/a.md"]}}}})");
  EXPECT_THAT(on_create(indexer), IsEmpty());
  EXPECT_THAT(on_create(changed(indexer, R"({"spec":{"schedule":"61 * * * *"}})")),
              ElementsAre(HasSubstr("invalid value: 61 * * * *")));
  EXPECT_THAT(on_create(changed(indexer, R"({"spec":{"source":{"git":{"url":"https://x/y"}}}})")),
              ElementsAre(HasSubstr("Exactly one of git and http")));
  EXPECT_THAT(on_create(changed(indexer, R"({"spec":{"source":{"http":{"urls":
      ["http://localhost/x"]}}}})")),
              ElementsAre(HasSubstr("invalid value")));
  EXPECT_THAT(on_create(changed(indexer, R"({"spec":{"source":{"http":{"urls":
      ["https://me:secret@example.com/x"]}}}})")),
              ElementsAre(testing::AllOf(HasSubstr("belongs into the Secret"),
                                         testing::Not(HasSubstr("me:secret")))));
  EXPECT_THAT(on_update(changed(indexer, R"({"spec":{"indexName":"j"}})"), indexer),
              ElementsAre("field is immutable: spec.indexName"));
}

TEST(Validate, AdmitsWhatIsNotOurs) {
  EXPECT_THAT(on_create(json_of(R"({"apiVersion":"v1","kind":"Pod"})")), IsEmpty());
  EXPECT_THAT(on_create(json_of(R"({"apiVersion":"kaito.sh/v1beta1","kind":"Other"})")), IsEmpty());
  EXPECT_THAT(on_create(Json()), IsEmpty());
}

TEST(Validate, JoinsViolationsByLines) {
  Verdict verdict;
  verdict.violations = {{"a", "missing field(s): a"}, {"b", "field is immutable: b"}};
  EXPECT_EQ(verdict.message(), "validation failed: missing field(s): a\nfield is immutable: b");
}

TEST(Validate, SurvivesDamagedDocuments) {
  RandomDocuments random(5);
  int refused = 0;
  for (const KindDescription& kind : kind_descriptions()) {
    for (int i = 0; i < 30; ++i) {
      const Json before = random.document(kind.type.kind, kind.versions.front().name);
      Json document = before;
      random.damage(document);
      random.damage(document);
      if (!on_create(document).empty()) ++refused;
      static_cast<void>(on_update(document, before));
      static_cast<void>(on_update(before, document));
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(Formats, Names) {
  using namespace detail;
  EXPECT_TRUE(is_dns_label("a-1"));
  EXPECT_TRUE(is_dns_label(std::string(63, 'a')));
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a_b"})
    EXPECT_FALSE(is_dns_label(bad)) << bad;
  EXPECT_FALSE(is_dns_label(std::string(64, 'a')));
  EXPECT_TRUE(is_dns_subdomain("a.b-c.d"));
  EXPECT_FALSE(is_dns_subdomain("a..b"));
  EXPECT_FALSE(is_dns_subdomain(""));
}

TEST(Formats, Quantities) {
  for (const char* good : {"1", "10Gi", "0.5", ".5", "5.", "1e3", "1E-3", "100m", "+1k", "-1"}) {
    EXPECT_TRUE(detail::is_quantity(good)) << good;
  }
  for (const char* bad : {"", ".", "Gi", "1 Gi", "1GB", "1e", "1.2.3", "0x1"}) {
    EXPECT_FALSE(detail::is_quantity(bad)) << bad;
  }
}

TEST(Formats, Cron) {
  for (const char* good : {"* * * * *", "0 2 * * 6", "*/5 0-6/2 1,15 jan-mar MON", "? ? ? ? ?",
                           "@daily", "TZ=UTC 0 2 * * *", "5/15 * * * *"}) {
    EXPECT_TRUE(detail::is_cron(good)) << good;
  }
  for (const char* bad : {"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
                          "* * * 13 *", "* * * * 7", "*/0 * * * *", "5-1 * * * *", "a * * * *",
                          "1, * * * *", "@often", "- * * * *", "/ * * * *"}) {
    EXPECT_FALSE(detail::is_cron(bad)) << bad;
  }
}

TEST(Formats, ImageReferences) {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  for (const std::string& good : {std::string("nginx"), std::string("nginx:1.2"),
                                  std::string("reg.io:5000/a/b_c:T-1"), "reg.io/a" + digest}) {
    EXPECT_TRUE(detail::is_image_reference(good)) << good;
  }
  for (const char* bad : {"", "A", "a b", "a:", "a/", "/a", "a@", "a@sha256:12", "a:-x", "a:b:c/d",
                          "reg.io:99999999/a"}) {
    EXPECT_FALSE(detail::is_image_reference(bad)) << bad;
  }
  EXPECT_TRUE(detail::is_tagged_image_reference("reg.io/a:1"));
  EXPECT_FALSE(detail::is_tagged_image_reference("reg.io/a"));
  EXPECT_FALSE(detail::is_tagged_image_reference("a:1"));
}

// A tuning job fetches what a tenant names, from inside the cluster.
TEST(Formats, UrlsThatLeadInside) {
  using detail::PrivateHosts;
  const auto fetchable = [](const char* url, PrivateHosts hosts = PrivateHosts::kRefused) {
    return detail::is_fetchable_url(url, hosts);
  };
  for (const char* good : {"http://example.com", "https://example.com:8443/a?b#c",
                           "HTTP://8.8.8.8/", "https://[2001:4860::1]/x"}) {
    EXPECT_TRUE(fetchable(good)) << good;
  }
  for (const char* bad : {"",
                          "example.com",
                          "file:///etc/passwd",
                          "http://",
                          "http://localhost/",
                          "http://LOCALHOST.",
                          "http://a.localhost:80",
                          "http://127.0.0.1",
                          "http://127.9.9.9/x",
                          "http://0.0.0.0",
                          "http://10.0.0.1",
                          "http://172.16.0.1",
                          "http://192.168.1.1",
                          "http://169.254.169.254/x",
                          "http://metadata.google.internal/",
                          "http://user@127.0.0.1/",
                          "http://[::1]/",
                          "http://[fe80::1]/",
                          "http://[fd00::1]/",
                          "http://[::ffff:10.0.0.1]/",
                          "http://a b/",
                          "http://x\n.com/",
                          "http://evil\\@127.0.0.1"}) {
    EXPECT_FALSE(fetchable(bad)) << bad;
  }
  EXPECT_TRUE(fetchable("http://10.0.0.1/", PrivateHosts::kAllowed));
  EXPECT_FALSE(fetchable("http://127.0.0.1/", PrivateHosts::kAllowed));
}

}  // namespace
}  // namespace rage::apis
