// Documents of our kinds made at random, with what we say to each: test_webhooks.py asks the API
// server the same. One JSON object a line: {"document": {...}, "refused": "why; empty: admitted"}.
//
// usage: fuzzed_documents KIND VERSION COUNT SEED
//
// What is admitted must be understood by our parsers, and survive the other version; and no update
// from one document to the next may end the process. It aborts otherwise.
#include <array>
#include <cstdio>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "apis/conversion.h"
#include "apis/crds.h"
#include "apis/inference_set.h"
#include "apis/rag_engine.h"
#include "apis/random_document_for_test.h"
#include "apis/validation.h"
#include "apis/workspace.h"
#include "base/check.h"
#include "base/strings.h"

namespace rage::apis {
namespace {

// Valid, and with most of what the checks look at.
const std::map<std::string, std::string> kValid = {
    {"Workspace", R"({"resource":{"count":1,"labelSelector":{"matchLabels":{"apps":"a"}},
        "partition":{"mode":"accelerator","count":1}},
        "inference":{"preset":{"name":"phi-4"},
          "adapters":[{"source":{"name":"one","image":"reg.io/one:1"}}]}})"},
    {"InferenceSet", R"({"spec":{"replicas":2,"labelSelector":{"matchLabels":{"apps":"a"}},
        "autoUpgrade":{"enabled":true,"maintenanceWindow":{"schedule":"0 2 * * 6"}},
        "template":{"inference":{"preset":{"name":"phi-4"}}}}})"},
    {"RAGEngine", R"({"spec":{"compute":{"labelSelector":{"matchLabels":{"apps":"a"}}},
        "embedding":{"local":{"modelID":"BAAI/bge-small-en-v1.5"}},
        "inferenceService":{"url":"http://x/v1","contextWindowSize":4096}}})"},
    {"ModelMirror", R"({"spec":{"source":{"registry":"huggingface","modelID":"microsoft/phi-4"},
        "storage":{"size":"10Gi","storageClassName":"fast"},"jobNamespace":"default"}})"},
    {"MultiRoleInference", R"({"spec":{"labelSelector":{"matchLabels":{"apps":"a"}},
        "model":{"name":"phi-4"},"roles":[{"type":"prefill"},{"type":"decode"}]}})"},
    {"AutoIndexer", R"({"spec":{"ragEngine":"r","indexName":"i","schedule":"0 * * * *",
        "source":{"http":{"urls":["https://example.com/a"]}}}})"},
};

// Puts a part of `source` into the same place of `target`.
void graft(RandomDocuments& random, Json& target, const Json& source) {
  const bool deeper = source.is_object() && !source.empty() && !random.chance(5);
  if (!deeper || (!target.is_object() && !target.is_null())) {
    target = source;
    return;
  }
  auto it = source.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(random.below(source.size())));
  graft(random, target[it.key()], it.value());
}

Json make_document(RandomDocuments& random, const std::string& kind, const std::string& version) {
  Json wild = random.document(kind, version);
  for (const char* ignored : {"apiVersion", "kind", "metadata", "status"}) wild.erase(ignored);
  Json document = wild;
  if (!random.chance(8) && !wild.empty()) {
    document = *codec::parse_json(kValid.at(kind));
    for (std::uint64_t n = random.below(3); n > 0; --n) graft(random, document, wild);
  }
  if (random.chance(8)) random.damage(document);
  if (!document.is_object()) document = Json::object();
  // Metadata is the API server's own to judge; a status is dropped at creation.
  Json whole = {{"apiVersion", "kaito.sh/" + version}, {"kind", kind}};
  whole["metadata"]["name"] = "a-name";
  static constexpr std::array kAnnotations = {"kaito.sh/runtime", "kaito.sh/performance-mode",
                                              "kaito.sh/use-local-weights"};
  static constexpr std::array kValues = {"transformers", "vllm", "balanced", "true", ""};
  if (random.chance(4)) {
    whole["metadata"]["annotations"][kAnnotations[random.below(3)]] = kValues[random.below(5)];
  }
  for (auto& [key, value] : document.items()) {
    if (!whole.contains(key)) whole[key] = std::move(value);
  }
  return whole;
}

void must_be_understood(const Json& document, const std::string& kind, const std::string& version) {
  if (find_schema(kind, "v1beta1") == nullptr) return;  // Nobody's parser yet, and one version.
  const Result<Json> stored = convert(document, "kaito.sh/v1beta1");
  CHECK(stored.has_value());
  if (kind == "Workspace") CHECK(parse_workspace(*stored).has_value());
  if (kind == "InferenceSet") CHECK(parse_inference_set(*stored).has_value());
  if (kind == "RAGEngine") CHECK(parse_rag_engine(*stored).has_value());
  const std::string other = version == "v1beta1" ? "v1alpha1" : "v1beta1";
  const Result<Json> there = convert(document, "kaito.sh/" + other);
  CHECK(there.has_value());
  const Result<Json> back = convert(*there, "kaito.sh/" + version);
  CHECK(back.has_value());
  CHECK(nlohmann::json(document) == nlohmann::json(*back));  // Whatever the order of keys.
}

ValidationSettings settings() {
  return {.provisioner = Provisioner::kByo, .mig = true, .accelerator = true, .node_classes = {}};
}

// Empty: admitted. Prunes and fills in defaults, as the API server does before it asks.
std::string judge(Json& document, const std::string& kind, const std::string& version) {
  const ResourceType type = {.group = "kaito.sh", .version = version, .kind = kind, .plural = ""};
  if (const auto fits = check_schema(type, document); !fits) return fits.error().message;
  const Verdict verdict = validate(document, Json(), settings());
  if (!verdict.violations.empty()) return verdict.message();
  must_be_understood(document, kind, version);
  return "";
}

int run(const std::string& kind, const std::string& version, std::uint64_t count,
        std::uint64_t seed) {
  RandomDocuments random(seed);
  Json before;
  for (; count > 0; --count) {
    Json document = make_document(random, kind, version);
    Json line = {{"document", document}};
    line["refused"] = judge(document, kind, version);
    std::puts(codec::render_json(line).c_str());
    static_cast<void>(validate(document, before, settings()).message());
    before = std::move(document);
  }
  return 0;
}

}  // namespace
}  // namespace rage::apis

int main(int count, char** words) {
  const auto documents = count == 5 ? rage::parse_uint(words[3]) : std::nullopt;
  const auto seed = count == 5 ? rage::parse_uint(words[4]) : std::nullopt;
  if (!documents || !seed || rage::apis::find_schema(words[1], words[2]) == nullptr) {
    std::fputs("usage: fuzzed_documents KIND VERSION COUNT SEED\n", stderr);
    return 2;
  }
  return rage::apis::run(words[1], words[2], *documents, *seed);
}
