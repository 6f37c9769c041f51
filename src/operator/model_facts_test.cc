#include "operator/model_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>

#include "apis/kinds.h"
#include "base/base64.h"
#include "base/mutex.h"
#include "kube/fake_client_for_test.h"
#include "kube/manual_clock_for_test.h"
#include "operator/certificates.h"
#include "operator/serving.h"

namespace rage::op {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kCommit(40, 'c');
const apis::ObjectKey kWorkspace{.ns = "ml", .name = "ws"};

// A hub with one repository, org/Model, open or gated. Thread-safe.
class FakeHubTransport final : public net::HttpTransport {
 public:
  struct Facts {
    bool away = false;
    std::string token = {};  // Who may read it; empty: everybody.
    std::map<std::string, std::string> files = {
        {"config.json", R"({"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2,
                            "num_attention_heads": 2, "hidden_size": 256})"}};
    std::vector<std::string> asked = {};
  };
  Guarded<Facts> facts;

  Result<net::HttpResponse> fetch(const Context&, const net::ClientRequest& request) override {
    return facts.with([&](Facts& hub) -> Result<net::HttpResponse> {
      hub.asked.push_back(request.url);
      if (hub.away) return fail(ErrorCode::kUnavailable, "connection refused");
      const bool known = request.headers.find("authorization") == "Bearer " + hub.token;
      if (!hub.token.empty() && !known) return net::HttpResponse{.status = 401};
      if (request.url == "http://hub/api/models/org/model/revision/main?blobs=true") {
        codec::Json listing = {{"id", "org/Model"}, {"sha", kCommit}};
        listing["siblings"] =
            codec::Json::array({{{"rfilename", "model.safetensors"}, {"size", 1 << 30}},
                                {{"rfilename", "original/model.safetensors"}, {"size", 1 << 30}}});
        for (const auto& file : hub.files)
          listing["siblings"].push_back({{"rfilename", file.first}});
        return net::HttpResponse::json(200, codec::render_json(listing));
      }
      const std::string resolved = "http://hub/org/model/resolve/" + kCommit + "/";
      if (request.url.starts_with(resolved)) {
        const auto file = hub.files.find(request.url.substr(resolved.size()));
        if (file != hub.files.end()) return net::HttpResponse{.body = file->second};
      }
      return net::HttpResponse{.status = 404};
    });
  }
  Result<void> stream(const Context&, const net::ClientRequest&,
                      const std::function<bool(const net::HttpResponse&)>&,
                      const std::function<bool(std::string_view)>&) override {
    return fail(ErrorCode::kUnimplemented, "not used");
  }
};

class ModelFactsTest : public testing::Test {
 protected:
  ModelQuestion question(std::string secret = "") {
    ModelQuestion asked{.model = "org/model"};
    if (!secret.empty()) asked.secret = {.ns = "ml", .name = std::move(secret)};
    return asked;
  }
  // Asked, looked up, asked again.
  ModelAnswer answer(const ModelQuestion& question) {
    (void)facts_.find(question, kWorkspace);
    EXPECT_TRUE(facts_.answer_one_for_test({}));
    return facts_.find(question, kWorkspace);
  }
  std::string refusal(const ModelQuestion& question) {
    const auto told = answer(question);
    EXPECT_FALSE(told);
    return told ? "" : told.error().message;
  }
  void seed_secret(const std::string& name, const Json& data) {
    Json secret = object_of(apis::builtin_type("Secret"), {.ns = "ml", .name = name});
    secret["data"] = data;
    client_.seed(apis::builtin_type("Secret"), secret);
  }
  std::vector<std::string> asked() {
    return hub_.facts.with([](auto& hub) { return std::exchange(hub.asked, {}); });
  }

  FakeHubTransport hub_;
  kube::FakeKubeClient client_;
  kube::ManualClock clock_;
  ModelFacts facts_{hub_, client_, clock_, {.endpoint = "http://hub"}};
};

TEST_F(ModelFactsTest, DescribesAModelByItsRepository) {
  const auto first = facts_.find(question(), kWorkspace);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().message, "model org/model is being looked up at http://hub");
  const auto found = answer(question());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->model.id, "org/Model");  // As its owner writes it.
  EXPECT_EQ(found->model.served_name, "model");
  EXPECT_EQ(found->commit, kCommit);
  EXPECT_EQ(found->model.loaded_weight_bytes, 1U << 30);  // original/ is not loaded.
  EXPECT_EQ(asked().size(), 2U);
  EXPECT_TRUE(facts_.find(question(), kWorkspace));
  EXPECT_THAT(asked(), IsEmpty());
}

TEST_F(ModelFactsTest, AGatedModelNeedsASecret) {
  hub_.facts.with([](auto& hub) { hub.token = "hf_right"; });
  EXPECT_THAT(refusal(question()), AllOf(HasSubstr("accept the licence at http://hub/org/model"),
                                         HasSubstr("set presetOptions.modelAccessSecret")));
  EXPECT_THAT(refusal(question("absent")), HasSubstr("modelAccessSecret ml/absent does not exist"));
  seed_secret("empty", {{"TOKEN", encode_base64("hf_right")}});
  EXPECT_THAT(refusal(question("empty")), HasSubstr("has no key HF_TOKEN"));
  seed_secret("wrong", {{"HF_TOKEN", encode_base64("hf_wrong")}});
  EXPECT_THAT(refusal(question("wrong")), HasSubstr("the token in Secret ml/wrong may not read"));
  seed_secret("right", {{"HF_TOKEN", encode_base64("hf_right\n")}});
  EXPECT_TRUE(answer(question("right")));
  // Nobody else is told by that.
  EXPECT_FALSE(facts_.find(question(), kWorkspace));
  EXPECT_FALSE(facts_.find(question("wrong"), kWorkspace));
}

// Without the right to read it, the role is what has to be corrected, not the Secret.
TEST_F(ModelFactsTest, AForbiddenSecretIsNamed) {
  client_.intercept([](const auto& call) -> Result<void> {
    if (call.kind == "Secret") return fail(ErrorCode::kPermissionDenied, "forbidden");
    return {};
  });
  EXPECT_THAT(refusal(question("hf")), HasSubstr("its role needs \"get\" on it"));
  EXPECT_THAT(asked(), IsEmpty());
}

TEST_F(ModelFactsTest, SaysWhatIsWrong) {
  hub_.facts.with([](auto& hub) { hub.away = true; });
  EXPECT_THAT(refusal(question()), HasSubstr("point --hugging-face-endpoint at a mirror"));
  hub_.facts.with([](auto& hub) { hub.away = false; });
  EXPECT_THAT(refusal({.model = "org/other"}), HasSubstr("was not found at http://hub"));
  EXPECT_THAT(refusal({.model = "org/a b"}), HasSubstr("org/a b"));
  hub_.facts.with([](auto& hub) { hub.files = {{"README.md", "x"}}; });
  clock_.advance(std::chrono::minutes(1));
  EXPECT_THAT(refusal(question()), HasSubstr("neither config.json nor params.json"));
}

// The thread: whoever waits is woken once there is something to see.
TEST_F(ModelFactsTest, WakesWhoWaits) {
  Mutex mutex;
  CondVar woken;
  std::vector<apis::ObjectKey> keys;
  facts_.start([&](const apis::ObjectKey& key) {
    MutexLock lock(mutex);
    keys.push_back(key);
    woken.notify_all();
  });
  EXPECT_FALSE(facts_.find(question(), kWorkspace));
  {
    MutexLock lock(mutex);
    while (keys.empty()) woken.wait(mutex);
  }
  EXPECT_THAT(keys, ElementsAre(kWorkspace));
  EXPECT_TRUE(facts_.find(question(), kWorkspace));
  facts_.stop();
  facts_.stop();
}

TEST(ModelQuestion, OnlyWhatTheCatalogueDoesNotKnowIsAsked) {
  apis::Workspace workspace;
  workspace.meta.ns = "ml";
  EXPECT_FALSE(model_question(workspace));
  workspace.inference.emplace();
  EXPECT_FALSE(model_question(workspace));
  apis::Preset& preset = workspace.inference->preset.emplace();
  for (const char* known : {"phi-4", "microsoft/Phi-4", "phi-2", "nonsense", "packaged:x"}) {
    preset.name = known;
    EXPECT_FALSE(model_question(workspace)) << known;
  }
  preset.name = "org/model";
  EXPECT_EQ(model_question(workspace), (ModelQuestion{.model = "org/model"}));
  preset.model_access_secret = "hf";
  workspace.meta.annotations[std::string(kModelRevision)] = kCommit;
  EXPECT_EQ(model_question(workspace),
            (ModelQuestion{
                .model = "org/model", .revision = kCommit, .secret = {.ns = "ml", .name = "hf"}}));
}

}  // namespace
}  // namespace rage::op
