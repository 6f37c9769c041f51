#include "models/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "models/file_hash.h"

namespace rage::models {
namespace {

using ::testing::HasSubstr;

class Cache : public ::testing::Test {
 protected:
  void put(const std::filesystem::path& path, std::string_view text) {
    ASSERT_TRUE(ensure_directory((root() / path).parent_path()));
    ASSERT_TRUE(write_file_atomically(root() / path, text));
  }
  const std::filesystem::path& root() const { return directory_->path(); }
  Result<ModelFiles> find(std::string_view text) const {
    return cache_.find(parse_model_reference(text).value());
  }

  std::unique_ptr<TemporaryDirectory> directory_ =
      TemporaryDirectory::create("rage-cache-").value();
  ModelCache cache_{directory_->path()};
  const std::string commit_ = std::string(40, '1');
};

TEST_F(Cache, PackagedModelsAreAFolderOrTheirOnlyGguf) {
  put("packaged/embedder/config.json", "{}");
  put("packaged/talker/talker.Q4.gguf", "GGUF");
  EXPECT_EQ(find("packaged:embedder")->path, root() / "packaged/embedder");
  EXPECT_EQ(find("packaged:talker")->path, root() / "packaged/talker/talker.Q4.gguf");
  EXPECT_EQ(find("packaged:talker")->id, "talker");
  const auto missing = find("packaged:other");
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("embedder, talker"));
}

// In a pod the cache is an empty volume: the service would not start without the network.
TEST_F(Cache, PackagedModelsMayLieInTheImage) {
  put("image/embedder/config.json", "{}");
  const ModelCache cache(root() / "volume", root() / "image");
  const auto found = cache.find(parse_model_reference("packaged:embedder").value());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, root() / "image/embedder");
  EXPECT_EQ(cache.list()->size(), 1U);
}

TEST_F(Cache, FilesAndFoldersOfTheUserAreTakenAsTheyAre) {
  put("mine/model.gguf", "GGUF");
  put("plain/config.json", "{}");
  EXPECT_EQ(find(fmt::format("file:{}/mine/model.gguf", root().string()))->id, "model");
  const auto folder = find(fmt::format("file:{}/plain/", root().string()));
  ASSERT_TRUE(folder);
  EXPECT_EQ(folder->id, "plain");
  EXPECT_EQ(find("file:/nowhere/model.gguf").error().code, ErrorCode::kNotFound);
}

TEST_F(Cache, HubModelsAreFoundOnlyWhenEveryFileIsThere) {
  const auto reference = parse_model_reference("org/model").value();
  put("hub/org--model/" + commit_ + "/config.json", "{}");
  EXPECT_THAT(find("org/model").error().message, HasSubstr("rage model pull hf://org/model"));
  ASSERT_TRUE(cache_.finish(reference, commit_, {"config.json"}));
  EXPECT_EQ(find("org/model")->path, root() / "hub/org--model" / commit_);
  EXPECT_EQ(find("org/model@" + commit_)->id, "org/model");
  EXPECT_FALSE(find("org/model@v2"));
  EXPECT_TRUE(find("org/model/config.json"));
  std::filesystem::remove(root() / "hub/org--model" / commit_ / "config.json");
  EXPECT_FALSE(find("org/model"));
}

TEST_F(Cache, ListsWhatIsThereAndWhatIsHalfThere) {
  put("packaged/embedder/config.json", "12345");
  put("hub/org--whole/" + commit_ + "/config.json", "123");
  ASSERT_TRUE(cache_.finish(parse_model_reference("org/whole").value(), commit_, {"config.json"}));
  put("hub/org--half/" + commit_ + ".partial/abc", "12");
  put("hub/stray/file", "");
  put("hub/bad--..--name/" + commit_ + "/file", "");
  const auto models = cache_.list().value();
  ASSERT_EQ(models.size(), 3u);
  EXPECT_EQ(models[0].reference, "packaged:embedder");
  EXPECT_EQ(models[0].bytes, 5u);
  EXPECT_EQ(models[1].reference, "hf://org/half@" + commit_);
  EXPECT_EQ(models[1].bytes, 2u);
  EXPECT_FALSE(models[1].is_complete);
  EXPECT_EQ(models[2].reference, "hf://org/whole");
  EXPECT_EQ(models[2].bytes, 3u);
  EXPECT_TRUE(models[2].is_complete);
  EXPECT_TRUE(ModelCache("/nowhere/at/all").list()->empty());
}

// A user who cancels a pull must not wait for somebody else's download.
TEST_F(Cache, WaitingForTheLockCanBeCancelled) {
  SystemClock clock;
  const auto reference = parse_model_reference("org/model").value();
  const auto held = cache_.lock({}, clock, reference);
  ASSERT_TRUE(held);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(cache_.lock({.stop = stop.get_token()}, clock, reference).error().code,
            ErrorCode::kCancelled);
  EXPECT_EQ(
      cache_.lock({.deadline = std::chrono::steady_clock::now()}, clock, reference).error().code,
      ErrorCode::kDeadlineExceeded);
}

TEST_F(Cache, HashesAreThoseThatGitAndSha256sumPrint) {
  put("hello", "hello\n");
  const auto path = root() / "hello";
  const std::string sha1 = "ce013625030ba8dba906f756967f9e9ca394464a";
  const std::string sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
  EXPECT_EQ(git_blob_sha1_of_file(path).value(), sha1);
  EXPECT_EQ(sha256_of_file(path).value(), sha256);
  EXPECT_TRUE(matches_hub_etag(path, sha1).value());
  EXPECT_TRUE(matches_hub_etag(path, sha256).value());
  EXPECT_FALSE(matches_hub_etag(path, std::string(64, '0')).value());
  EXPECT_EQ(matches_hub_etag(path, "store-tag").error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(matches_hub_etag(root() / "absent", sha1).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace rage::models
