#include "inspect/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inspect/time.h"
#include "inspect/world_for_test.h"

namespace rage::inspect {
namespace {

using testing::ElementsAre;

std::vector<std::string> names(const std::vector<const Json*>& objects) {
  std::vector<std::string> list;
  for (const Json* object : objects) list.push_back(display_name(*object));
  return list;
}

TEST(World, AFamilyIsWhatOwnersAndLabelsSay) {
  World world = a_world();
  Json set = an_object("kaito.sh/v1beta1", "InferenceSet", "phis");
  own(set, world.documents["Workspace"].front());
  world.documents["InferenceSet"] = {set};
  Json claim = an_object("v1", "PersistentVolumeClaim", "weights-phi-0");
  claim["metadata"]["labels"]["kaito.sh/workspace"] = "phi";
  world.documents["PersistentVolumeClaim"] = {claim};
  const Json& parent = world.documents["InferenceSet"].front();
  EXPECT_THAT(names(world.family_of(parent)),
              ElementsAre("InferenceSet default/phis", "Workspace default/phi",
                          "PersistentVolumeClaim default/weights-phi-0", "StatefulSet default/phi",
                          "Pod default/phi-0"));
  EXPECT_THAT(names(world.pods_of(parent)), ElementsAre("Pod default/phi-0"));
}

// Two that own each other must not hang a person's terminal.
TEST(World, ACircleOfOwnersEnds) {
  World world;
  Json a = an_object("v1", "Pod", "a");
  Json b = an_object("v1", "Pod", "b");
  own(a, b);
  own(b, a);
  world.documents["Pod"] = {a, b};
  EXPECT_EQ(world.family_of(world.documents["Pod"].front()).size(), 2U);
}

TEST(References, AreWhatAnObjectCannotWorkWithout) {
  const auto of = [](std::string_view text) {
    std::vector<std::string> lines;
    for (const Reference& each : references_of(json_of(text))) {
      lines.push_back(fmt::format("{} {} {}", each.kind, each.key.str(), each.entry));
    }
    return lines;
  };
  EXPECT_THAT(
      of(R"({"kind": "Workspace", "metadata": {"namespace": "n"}, "inference": {
                      "preset": {"presetOptions": {"modelAccessSecret": "hf"}}, "config": "c",
                      "adapters": [{"source": {"imagePullSecrets": ["pull"]}}]}})"),
      ElementsAre("Secret n/hf HF_TOKEN", "ConfigMap n/c inference_config.yaml", "Secret n/pull "));
  EXPECT_THAT(of(R"({"kind": "Pod", "metadata": {"namespace": "n"}, "spec": {
                      "volumes": [{"secret": {"secretName": "s"}},
                                  {"configMap": {"name": "o", "optional": true}}],
                      "containers": [{"env": [
                        {"valueFrom": {"secretKeyRef": {"name": "e", "key": "k"}}},
                        {"valueFrom": {"secretKeyRef": {"name": "x", "optional": true}}}]}]}})"),
              ElementsAre("Secret n/e k", "Secret n/s "));
  // Hosts of others are not ours to look up.
  for (const auto& [url, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"http://phi/v1", "Service n/phi "},
           {"http://phi.models:80/v1", "Service models/phi "},
           {"http://phi.models.svc.cluster.local/v1", "Service models/phi "},
           {"https://api.example.com/v1", ""},
           {"http://10.0.0.1/v1", ""},
           {"http://localhost:8000", ""}}) {
    Json engine = json_of(R"({"kind": "RAGEngine", "metadata": {"namespace": "n"}})");
    engine["spec"]["inferenceService"]["url"] = url;
    const auto found = of(codec::render_json(engine));
    EXPECT_EQ(found.empty() ? "" : found[0], wanted) << url;
  }
}

TEST(Time, ReadsAndPrintsAsTheServerAndKubectlDo) {
  EXPECT_EQ(age_of("2026-01-01T00:59:55Z", kNow), "5s");
  EXPECT_EQ(age_of("2026-01-01T00:59:55.5Z", kNow), "5s");
  for (const char* bad : {"", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00"}) {
    EXPECT_EQ(age_of(bad, kNow), "<unknown>") << bad;
  }
  const std::vector<std::pair<int, std::string>> table = {
      {0, "0s"},     {119, "119s"},    {120, "2m"},       {190, "3m10s"},
      {600, "10m"},  {10799, "179m"},  {10800, "3h"},     {18120, "5h2m"},
      {30000, "8h"}, {180000, "2d2h"}, {86400 * 8, "8d"}, {86400 * 800, "2y70d"}};
  for (const auto& [seconds, wanted] : table) {
    EXPECT_EQ(human_duration(std::chrono::seconds(seconds)), wanted) << seconds;
  }
}

}  // namespace
}  // namespace rage::inspect
