#include "kustomize/kustomize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace rage::kustomize {
namespace {

using testing::HasSubstr;

using Tree = std::map<std::string, std::string>;

Result<std::vector<Json>> build_tree(const Tree& tree, const std::string& directory) {
  const Files files = {
      .read = [&](const std::string&, const std::string& path) -> Result<std::string> {
        const auto it = tree.find(path);
        if (it == tree.end()) return fail(ErrorCode::kNotFound, "{}: no such file", path);
        return it->second;
      },
      .is_directory =
          [&](const std::string& path) {
            const auto it = tree.lower_bound(path + "/");
            return it != tree.end() && it->first.starts_with(path + "/");
          }};
  return build(files, directory);
}

Json pointed(const std::vector<Json>& objects, std::string_view kind, const std::string& pointer) {
  for (const Json& object : objects) {
    if (codec::string_or(object, "kind", "") != kind) continue;
    const Json::json_pointer at(pointer);
    return object.contains(at) ? object.at(at) : Json();
  }
  return {};
}

constexpr const char* kAgent = R"(
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: agent}
spec:
  template:
    spec:
      containers:
      - {name: agent, image: "registry/agent:1", envFrom: [{configMapRef: {name: agent-env}}]}
)";

const Tree& assistant() {
  static const Tree tree = {
      {"/base/kustomization.yaml", R"(
configurations: [names.yaml]
resources: [agent.yaml]
configMapGenerator:
- {name: agent-env, behavior: create, envs: [.env.agent]}
)"},
      {"/base/names.yaml", R"(
nameReference:
- kind: ConfigMap
  version: v1
  fieldSpecs:
  - {kind: Rollout, path: spec/template/spec/containers/envFrom/configMapRef/name}
)"},
      {"/base/agent.yaml", kAgent},
      {"/base/.env.agent", "# where the model is\nOPENAI_BASE_URL=http://gateway/v1\nA=1\n"},
      {"/overlays/rag/kustomization.yaml", R"(
resources: [../../base]
configMapGenerator:
- {name: agent-env, behavior: replace, envs: [.env.agent]}
)"},
      {"/overlays/rag/.env.agent",
       "OPENAI_BASE_URL=http://gateway/rag\nRAG_INDEX_NAME=schedule\n"}};
  return tree;
}

// On stage, one overlay is all that stands between an assistant that invents and one that does not:
// if the pods do not follow the new ConfigMap, they go on inventing.
TEST(Kustomize, AnOverlayReplacesAGeneratedConfigMapAndItsReferences) {
  const auto base = build_tree(assistant(), "/base").value();
  const auto rag = build_tree(assistant(), "/overlays/rag").value();
  const std::string reference = "/spec/template/spec/containers/0/envFrom/0/configMapRef/name";
  EXPECT_EQ(pointed(base, "ConfigMap", "/data/A"), "1");
  EXPECT_EQ(pointed(rag, "ConfigMap", "/data/A"), Json());
  EXPECT_EQ(pointed(rag, "ConfigMap", "/data/RAG_INDEX_NAME"), "schedule");
  const auto name = pointed(rag, "ConfigMap", "/metadata/name").get<std::string>();
  EXPECT_THAT(name, testing::MatchesRegex("agent-env-[2456789bcdfghkmt]{10}"));
  EXPECT_EQ(pointed(rag, "Rollout", reference), name);
  EXPECT_NE(pointed(base, "ConfigMap", "/metadata/name"), name);
}

constexpr const char* kWeb = R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {a: b}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
      - {name: web, image: "web:1", env: [{name: A, value: "1"}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: other}
subjects:
- {kind: ServiceAccount, name: web, namespace: here}
)";

Result<std::vector<Json>> build_web(const std::string& rules) {
  return build_tree(
      {{"/k/kustomization.yaml", "resources: [web.yaml]\n" + rules}, {"/k/web.yaml", kWeb}}, "/k");
}

TEST(Kustomize, NamesAndTheirReferencesGetPrefixesTogether) {
  const auto built = build_web("namePrefix: dev-\nnameSuffix: -1\nnamespace: here\n").value();
  EXPECT_EQ(pointed(built, "Deployment", "/metadata/name"), "dev-web-1");
  EXPECT_EQ(pointed(built, "Deployment", "/metadata/namespace"), "here");
  EXPECT_EQ(pointed(built, "Deployment", "/spec/template/spec/serviceAccountName"), "dev-web-1");
  EXPECT_EQ(pointed(built, "ClusterRoleBinding", "/metadata/namespace"), Json());
  EXPECT_EQ(pointed(built, "ClusterRoleBinding", "/subjects/0/name"), "dev-web-1");
  EXPECT_EQ(pointed(built, "ClusterRoleBinding", "/roleRef/name"), "other");
}

TEST(Kustomize, LabelsReachSelectorsOnlyWhereTheyAreMeantTo) {
  const auto plain = build_web("labels: [{pairs: {x: z}}]\n").value();
  EXPECT_EQ(pointed(plain, "Deployment", "/metadata/labels/x"), "z");
  EXPECT_EQ(pointed(plain, "Deployment", "/spec/selector/matchLabels/x"), Json());
  EXPECT_EQ(pointed(plain, "Deployment", "/spec/template/metadata/labels/x"), Json());
  const auto common = build_web("commonLabels: {x: z}\n").value();
  EXPECT_EQ(pointed(common, "Deployment", "/spec/selector/matchLabels/x"), "z");
  EXPECT_EQ(pointed(common, "Deployment", "/spec/template/metadata/labels/x"), "z");
}

TEST(Kustomize, ImagesKeepWhatIsNotReplaced) {
  const auto image_with = [](const std::string& rule) {
    return pointed(build_web("images: [" + rule + "]\n").value(), "Deployment",
                   "/spec/template/spec/containers/0/image");
  };
  EXPECT_EQ(image_with("{name: web, newTag: '2'}"), "web:2");
  EXPECT_EQ(image_with("{name: web, newName: 'host:5000/w'}"), "host:5000/w:1");
  EXPECT_EQ(image_with("{name: web, digest: 'sha256:ab'}"), "web@sha256:ab");
  EXPECT_EQ(image_with("{name: we, newTag: '2'}"), "web:1");
}

TEST(Kustomize, PatchesFindTheirTargets) {
  const auto merged = build_web(R"(
patches:
- patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec: {template: {spec: {containers: [{name: web, env: [{name: B, value: "2"}]}]}}}
- target: {kind: Deploy.*, labelSelector: a=b}
  patch: |
    - {op: replace, path: /spec/replicas, value: 3}
- target: {kind: ServiceAccount}
  patch: |
    {$patch: delete, kind: ServiceAccount, metadata: {name: any}}
)")
                          .value();
  const std::string env = "/spec/template/spec/containers/0/env";
  EXPECT_EQ(pointed(merged, "Deployment", env).size(), 2U);
  EXPECT_EQ(pointed(merged, "Deployment", "/spec/template/spec/containers/0/image"), "web:1");
  EXPECT_EQ(pointed(merged, "Deployment", "/spec/replicas"), 3);
  EXPECT_EQ(pointed(merged, "ServiceAccount", "/metadata/name"), Json());
}

// What is built halfway is applied halfway.
TEST(Kustomize, RefusesByNameWhatItCannotDo) {
  const auto why = [](const std::string& rules) {
    const auto built = build_web(rules);
    return built ? std::string("it was built") : built.error().message;
  };
  EXPECT_THAT(why("helmCharts: [{name: redis}]\n"), HasSubstr("helm template"));
  EXPECT_THAT(why("vars: [{name: A}]\n"), HasSubstr("vars is not supported; use a patch"));
  EXPECT_THAT(why("namePrefx: a\n"), HasSubstr("unknown field 'namePrefx'"));
  EXPECT_THAT(why("images: [{newTag: 1}]\n"), HasSubstr("images: an entry has no name"));
  EXPECT_THAT(why("replicas: [{name: nobody, count: 2}]\n"), HasSubstr("called 'nobody'"));
  EXPECT_THAT(why("configMapGenerator: [{name: a, files: [../key]}]\n"), HasSubstr("outside"));
  EXPECT_THAT(why("configMapGenerator: [{name: a, literals: [b]}]\n"), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(why("configMapGenerator: [{name: a, behavior: merge}]\n"), HasSubstr("to merge"));
  EXPECT_THAT(why("patches: [{path: a.yaml, patch: b}]\n"), HasSubstr("needs patch or path"));
}

TEST(Kustomize, RefusesResourcesThatAreElsewhereOrEndless) {
  EXPECT_THAT(build_tree({{"/k/kustomization.yaml", "resources: [https://host/a.yaml]"}}, "/k")
                  .error()
                  .message,
              HasSubstr("download it"));
  EXPECT_THAT(build_tree({{"/k/kustomization.yaml", "resources: [../k]"}}, "/k").error().message,
              HasSubstr("does a kustomization contain itself?"));
  EXPECT_THAT(build_tree({{"/k/web.yaml", kWeb}}, "/k").error().message,
              HasSubstr("there is no kustomization.yaml"));
}

}  // namespace
}  // namespace rage::kustomize
