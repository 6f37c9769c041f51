#include "models/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/files.h"
#include "base/sha256.h"
#include "models/fake_hub.h"
#include "models/file_hash.h"
#include "net/http_client.h"

namespace rage::models {
namespace {

using ::testing::ElementsAre;

class Mirror : public ::testing::Test {
 protected:
  void add(const std::string& name, const std::string& content) {
    hub_.add(name, {.content = content, .etag = sha256_hex(content), .is_large = true});
  }
  Result<void> mirror(const MirrorProgressCallback& progress = {}) {
    HubClient client(*transport_, clock_,
                     {.endpoint = hub_.endpoint(), .attempts_max = 1, .backoff_first = {}});
    return mirror_repository({}, client, parse_model_reference("hf://org/model").value(), folder_,
                             progress);
  }
  std::string content_of(std::string_view file) const {
    return read_file(folder_ / file, 1 << 24).value_or("absent");
  }

  FakeHub hub_;
  SystemClock clock_;
  std::unique_ptr<net::HttpTransport> transport_ = net::make_http_transport();
  std::unique_ptr<TemporaryDirectory> directory_ =
      TemporaryDirectory::create("rage-mirror-").value();
  const std::filesystem::path folder_ = directory_->path() / "org/model";
};

// The original deletes sub-directories: models with parts in folders could not be served.
TEST_F(Mirror, KeepsFoldersAndCodeButNoSecondCopyOfTheWeights) {
  add("model.safetensors", std::string(200'000, 'w'));
  add("transformer/part.json", "{}");
  add("modeling.py", "pass");
  add("original/consolidated.safetensors", "copy");
  add("pytorch_model.bin", "pickled");
  add(".gitattributes", "x");
  MirrorProgress last;
  ASSERT_TRUE(mirror([&](const MirrorProgress& progress) {
    EXPECT_GE(progress.bytes_done, last.bytes_done);
    last = progress;
  }));
  EXPECT_EQ(content_of("model.safetensors").size(), 200'000U);
  EXPECT_EQ(content_of("transformer/part.json"), "{}");
  EXPECT_EQ(content_of("modeling.py"), "pass");
  EXPECT_EQ(content_of("original/consolidated.safetensors"), "absent");
  EXPECT_EQ(content_of("pytorch_model.bin"), "absent");
  EXPECT_EQ(content_of(".gitattributes"), "absent");
  EXPECT_EQ(last.bytes_total, 200'006U);
  EXPECT_EQ(last.bytes_done, last.bytes_total);
}

// A pod that is killed loses nothing: the next one goes on, with the same commit.
TEST_F(Mirror, ContinuesWhatWasCut) {
  add("model.safetensors", std::string(300'000, 'w'));
  hub_.fault({.kind = Fault::Kind::kCut, .after_bytes = 100'000});
  EXPECT_FALSE(mirror());
  EXPECT_EQ(content_of("model.safetensors"), "absent");
  const std::size_t asked = hub_.seen().size();
  ASSERT_TRUE(mirror());
  EXPECT_EQ(content_of("model.safetensors").size(), 300'000U);
  const auto seen = hub_.seen();
  EXPECT_NE(seen[asked].path.find("/revision/" + std::string(40, 'c')), std::string::npos);
  EXPECT_EQ(seen.back().range, "bytes=100000-");
  const std::size_t files = hub_.count("/resolve/");
  ASSERT_TRUE(mirror());
  EXPECT_EQ(hub_.count("/resolve/"), files);  // All is there: nothing is fetched again.
}

TEST_F(Mirror, RefusesWhatIsNoRepository) {
  add("readme.md", "no weights");
  EXPECT_EQ(mirror().error().code, ErrorCode::kNotFound);
}

TEST(DownloadMeter, MeasuresFromTheFirstUpdate) {
  using std::chrono::seconds;
  DownloadMeter meter;
  EXPECT_EQ(meter.remaining_seconds(), -1);
  const SteadyTime start{};
  meter.update({.bytes_done = 400, .bytes_total = 1000}, start);
  meter.update({.bytes_done = 600, .bytes_total = 1000}, start + seconds(2));
  EXPECT_EQ(meter.bytes_per_second(), 100);
  EXPECT_EQ(meter.remaining_seconds(), 4);
  meter.update({.bytes_done = 1000, .bytes_total = 1000}, start + seconds(4));
  EXPECT_EQ(meter.remaining_seconds(), 0);
  meter.update({.bytes_done = 1000, .bytes_total = 0}, start + seconds(5));
  EXPECT_EQ(meter.remaining_seconds(), -1);
}

TEST(PlanMirrorFiles, TakesPickledWeightsOnlyWhereThereAreNoOthers) {
  HubListing listing{.commit = "", .files = {"a.bin", "config.json", "model.safetensors"}};
  EXPECT_THAT(plan_mirror_files(listing).value(), ElementsAre("config.json", "model.safetensors"));
  listing.files.pop_back();
  EXPECT_THAT(plan_mirror_files(listing).value(), ElementsAre("a.bin", "config.json"));
}

}  // namespace
}  // namespace rage::models
