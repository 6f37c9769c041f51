#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/files.h"
#include "base/sha256.h"
#include "models/fake_hub.h"
#include "models/file_hash.h"
#include "models/resolver.h"
#include "net/http_client.h"

namespace rage::models {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Time passes at once; what was waited for is kept.
class InstantClock final : public Clock {
 public:
  SteadyTime now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }
  bool sleep_for(std::chrono::nanoseconds duration, std::stop_token stop) override {
    slept_.with(
        [&](auto& slept) { slept.push_back(std::chrono::duration_cast<milliseconds>(duration)); });
    return !stop.stop_requested();
  }
  std::vector<milliseconds> slept() const {
    return slept_.with([](const auto& slept) { return slept; });
  }

 private:
  Guarded<std::vector<milliseconds>> slept_;
};

std::string noise(std::size_t bytes) {
  std::string text;
  std::uint32_t state = 7;
  while (text.size() < bytes)
    text.push_back(static_cast<char>((state = state * 1664525 + 1013904223) >> 24));
  return text;
}

class Hub : public ::testing::Test {
 protected:
  void SetUp() override { options_.endpoint = hub_.endpoint(); }

  void add_small(const std::string& name, const std::string& content) {
    const auto path = directory_->path() / "to-hash";
    ASSERT_TRUE(write_file_atomically(path, content));
    hub_.add(name, {.content = content, .etag = git_blob_sha1_of_file(path).value()});
  }
  void add_large(const std::string& name, const std::string& content) {
    hub_.add(name, {.content = content, .etag = sha256_hex(content), .is_large = true});
  }
  Result<ModelFiles> pull(std::string_view text, const Context& context = {},
                          const ProgressCallback& progress = {}) {
    HubClient client(*transport_, clock_, options_);
    ModelResolver resolver(cache_, client, clock_);
    return resolver.resolve(context, parse_model_reference(text).value(), progress);
  }
  std::string content_of(const std::filesystem::path& path) {
    return read_file(path, 1 << 24).value_or("absent");
  }

  FakeHub hub_;
  HubOptions options_;
  InstantClock clock_;
  std::unique_ptr<net::HttpTransport> transport_ = net::make_http_transport();
  std::unique_ptr<TemporaryDirectory> directory_ = TemporaryDirectory::create("rage-hub-").value();
  ModelCache cache_{directory_->path() / "models"};
  const std::string weights_ = noise(300'000);
};

// The token opens private models; the store behind the redirect must never see it.
TEST_F(Hub, PullsAFolderAndKeepsTheTokenAtTheHub) {
  add_small("config.json", "{}");
  add_small("1_Pooling/config.json", R"({"pooling":true})");
  add_small("modeling.py", "print('pwned')");
  add_large("model.safetensors", weights_);
  options_.token = "hf_secret";
  std::uint64_t done = 0;
  const auto files = pull("org/model", {}, [&](const DownloadProgress& progress) {
    if (progress.file != "model.safetensors") return;
    EXPECT_GE(progress.bytes_done, done);
    EXPECT_EQ(progress.bytes_total, weights_.size());
    done = progress.bytes_done;
  });
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(files->id, "org/model");
  EXPECT_EQ(done, weights_.size());
  EXPECT_EQ(content_of(files->path / "model.safetensors"), weights_);
  EXPECT_EQ(content_of(files->path / "1_Pooling/config.json"), R"({"pooling":true})");
  EXPECT_FALSE(std::filesystem::exists(files->path / "modeling.py"));
  for (const SeenRequest& request : hub_.seen()) {
    EXPECT_EQ(request.authorization, request.at_store ? "" : "Bearer hf_secret") << request.path;
  }
  const auto models = cache_.list().value();
  ASSERT_EQ(models.size(), 1u);
  EXPECT_TRUE(models[0].is_complete);
  EXPECT_EQ(models[0].path, files->path);
}

TEST_F(Hub, SecondPullFetchesNoFileAgain) {
  add_large("model.gguf", weights_);
  ASSERT_TRUE(pull("org/model"));
  EXPECT_EQ(pull("org/model")->path.filename(), "model.gguf");
  EXPECT_EQ(hub_.count("/resolve/"), 2u);  // Hub and store, once each.
  const std::size_t before = hub_.seen().size();
  EXPECT_TRUE(pull("org/model@" + std::string(40, 'c')));
  EXPECT_EQ(hub_.seen().size(), before);  // A commit never changes: no request at all.
}

// On a train a 2 GB download is cut ten times; each time it must go on where it was.
TEST_F(Hub, ContinuesWhereTheConnectionWasCut) {
  add_large("model.gguf", weights_);
  hub_.fault({.kind = Fault::Kind::kCut, .after_bytes = 100'000});
  hub_.fault({.kind = Fault::Kind::kCut, .after_bytes = 50'000});
  const auto files = pull("org/model");
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(content_of(files->path), weights_);
  std::vector<std::string> ranges;
  for (const SeenRequest& request : hub_.seen()) {
    if (request.at_store) ranges.push_back(request.range);
  }
  EXPECT_THAT(ranges, ElementsAre("", "bytes=100000-", "bytes=150000-"));
  EXPECT_THAT(clock_.slept(), ElementsAre(Ge(milliseconds(250)), Ge(milliseconds(500))));
}

TEST_F(Hub, NextRunContinuesWhatAnEarlierOneLeft) {
  add_small("vocab.json", std::string(200'000, 'v'));
  options_.attempts_max = 1;
  hub_.fault({.kind = Fault::Kind::kCut, .after_bytes = 90'000});
  const auto cut = pull("org/model/vocab.json");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kDataLoss);
  ASSERT_EQ(cache_.list()->size(), 1u);
  EXPECT_FALSE(cache_.list()->front().is_complete);
  EXPECT_GE(cache_.list()->front().bytes, 90'000u);

  const auto files = pull("org/model/vocab.json");
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(content_of(files->path), std::string(200'000, 'v'));
  EXPECT_EQ(hub_.seen().back().range, "bytes=90000-");
  EXPECT_TRUE(cache_.list()->front().is_complete);
}

TEST_F(Hub, ServerThatIgnoresRangesStartsAfresh) {
  add_large("model.gguf", weights_);
  hub_.fault({.kind = Fault::Kind::kCut, .after_bytes = 100'000});
  hub_.fault({.kind = Fault::Kind::kIgnoreRange});
  const auto files = pull("org/model");
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(content_of(files->path), weights_);
}

TEST_F(Hub, ChangedFileIsNotGluedToTheOldBeginning) {
  add_large("model.gguf", weights_);
  options_.attempts_max = 1;
  hub_.fault({.kind = Fault::Kind::kCut, .after_bytes = 100'000});
  ASSERT_FALSE(pull("org/model"));
  const std::string other = noise(300'001).substr(1);
  add_large("model.gguf", other);
  options_.attempts_max = 3;
  const auto files = pull("org/model");
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(content_of(files->path), other);
}

// A flipped bit in weights shows as a model that talks nonsense; it must show as an error.
TEST_F(Hub, WrongBytesAreFetchedOnceMoreAndThenRefused) {
  add_large("model.gguf", weights_);
  hub_.fault({.kind = Fault::Kind::kWrongBytes});
  EXPECT_TRUE(pull("org/model"));

  add_small("config.json", "{}");
  hub_.fault({.kind = Fault::Kind::kWrongBytes});
  hub_.fault({.kind = Fault::Kind::kWrongBytes});
  const auto refused = pull("org/model/config.json");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(refused.error().message, HasSubstr("does not match the hub's hash"));
  EXPECT_FALSE(cache_.find(parse_model_reference("org/model/config.json").value()));
  EXPECT_EQ(hub_.count("config.json"), 2u);
}

TEST_F(Hub, MoreBytesThanPromisedAreRefused) {
  add_large("model.gguf", weights_);
  options_.attempts_max = 1;
  hub_.fault({.kind = Fault::Kind::kTooMany});
  EXPECT_EQ(pull("org/model").error().code, ErrorCode::kDataLoss);
}

TEST_F(Hub, FileWithoutAHashIsRefused) {
  add_large("model.gguf", weights_);
  hub_.fault({.kind = Fault::Kind::kNoEtag});
  const auto refused = pull("org/model");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no hash"));
}

TEST_F(Hub, WaitsAsLongAsTheHubAsks) {
  add_large("model.gguf", weights_);
  hub_.refuse({.status = 429, .headers = {{"retry-after", "40"}}});
  hub_.refuse({.status = 503});
  ASSERT_TRUE(pull("org/model"));
  EXPECT_THAT(clock_.slept(), ElementsAre(milliseconds(40'000), Ge(milliseconds(500))));
}

TEST_F(Hub, GivesUpAtOnceWhenTheCallerHasNoTimeForTheWait) {
  hub_.refuse({.status = 429, .headers = {{"retry-after", "40"}}});
  const auto refused = pull("org/model", Context::with_timeout(milliseconds(30'000)));
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused.error().retry_after, milliseconds(40'000));
  EXPECT_THAT(clock_.slept(), IsEmpty());
}

TEST_F(Hub, RetriesAreCapped) {
  for (int i = 0; i < 20; ++i) hub_.refuse({.status = 500});
  EXPECT_EQ(pull("org/model").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(hub_.seen().size(), 5u);
}

TEST_F(Hub, RefusalsSayWhatToDoAndAreNotRepeated) {
  hub_.refuse({.status = 403, .headers = {{"x-error-code", "GatedRepo"}}});
  const auto gated = pull("org/model");
  EXPECT_EQ(gated.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(gated.error().message, HasSubstr(hub_.endpoint() + "/org/model and set HF_TOKEN"));
  hub_.refuse({.status = 401});
  EXPECT_EQ(pull("org/model").error().code, ErrorCode::kUnauthenticated);
  hub_.refuse({.status = 404});
  EXPECT_EQ(pull("org/model").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(hub_.seen().size(), 3u);
}

TEST_F(Hub, NamesThatLeaveTheFolderDownloadNothing) {
  add_large("model.gguf", weights_);
  hub_.state().with([](auto& state) { state.extra_names = {"../../x.json"}; });
  EXPECT_EQ(pull("org/model").error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(hub_.count("/resolve/"), 0u);
}

// Two services that start together on a fresh machine must not fetch the same gigabytes twice.
TEST_F(Hub, TwoPullsAtOnceDownloadOnce) {
  add_large("model.gguf", weights_);
  SystemClock clock;
  HubClient client(*transport_, clock, options_);
  ModelResolver resolver(cache_, client, clock);
  const auto reference = parse_model_reference("org/model").value();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        const auto files = resolver.resolve({}, reference);
        ASSERT_TRUE(files) << files.error().message;
        EXPECT_EQ(content_of(files->path), weights_);
      });
    }
  }
  EXPECT_EQ(hub_.count("/resolve/"), 2u);  // Hub and store, once each.
}

TEST_F(Hub, UnreachableHubLeavesTheCachedCopyInUse) {
  add_large("model.gguf", weights_);
  ASSERT_TRUE(pull("org/model"));
  for (int i = 0; i < 5; ++i) hub_.refuse({.status = 502});
  EXPECT_TRUE(pull("org/model"));
  for (int i = 0; i < 5; ++i) hub_.refuse({.status = 502});
  EXPECT_EQ(pull("org/other").error().code, ErrorCode::kUnavailable);
}

TEST_F(Hub, CancellingStopsTheTransfer) {
  add_large("model.gguf", weights_);
  std::stop_source stop;
  const auto cancelled = pull("org/model", {.stop = stop.get_token()},
                              [&](const DownloadProgress&) { stop.request_stop(); });
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
}

// What a model needs is planned before anything of it is downloaded.
TEST_F(Hub, TellsSizesAndReadsSmallFiles) {
  add_small("config.json", R"({"architectures": ["LlamaForCausalLM"]})");
  add_large("model.safetensors", noise(5000));
  HubClient client(*transport_, clock_, options_);
  const auto reference = parse_model_reference("org/model").value();
  const auto listing = client.list_with_sizes({}, reference);
  ASSERT_TRUE(listing) << listing.error().message;
  EXPECT_EQ(listing->bytes.at("model.safetensors"), 5000U);
  EXPECT_EQ(listing->id, "org/model");
  EXPECT_THAT(client.list({}, reference)->bytes, IsEmpty());
  EXPECT_EQ(client.read({}, "org/model", listing->commit, "config.json").value(),
            R"({"architectures": ["LlamaForCausalLM"]})");
  // Large files lie elsewhere; the token does not go there.
  options_.token = "hf_secret";
  HubClient trusted(*transport_, clock_, options_);
  EXPECT_EQ(trusted.read({}, "org/model", listing->commit, "model.safetensors")->size(), 5000U);
  for (const SeenRequest& request : hub_.seen()) {
    if (request.at_store) {
      EXPECT_EQ(request.authorization, "");
    }
  }
  EXPECT_EQ(client.read({}, "org/model", listing->commit, "none.json").error().code,
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace rage::models
