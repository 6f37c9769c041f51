#include "cli/auto_index_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/process.h"
#include "cli/detail/git_output.h"

namespace rage::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kSourceOwner = "default/docs";

TEST(GitOutput, ListsOrdinaryFilesOnly) {
  using namespace std::string_view_literals;
  const auto entries = detail::parse_tree(
      "100644 blob aaaa      12\tREADME.md\0"
      "120000 blob bbbb      11\tsecrets\0"  // A link: it could lead anywhere.
      "160000 commit cccc       -\tmodule\0"
      "100755 blob dddd 3\ta b\tc.md\0"sv);
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ((*entries)[0].path, "README.md");
  EXPECT_EQ((*entries)[0].bytes, 12U);
  EXPECT_EQ((*entries)[1].path, "a b\tc.md");
  EXPECT_FALSE(detail::parse_tree("nonsense"));
}

TEST(GitOutput, ReadsBlobsInOrder) {
  const auto blobs =
      detail::parse_blobs("aa blob 3\nx\ny\nbb blob 0\n\ncc blob 2\nok\n", {"aa", "bb", "cc"});
  ASSERT_TRUE(blobs) << blobs.error().message;
  EXPECT_THAT(*blobs, ElementsAre("x\ny", "", "ok"));
  EXPECT_FALSE(detail::parse_blobs("aa missing\n", {"aa"}));
  EXPECT_FALSE(detail::parse_blobs("aa blob 99\nx\n", {"aa"}));
  EXPECT_FALSE(detail::parse_blobs("bb blob 1\nx\n", {"aa"}));
}

// What git takes for an option or a helper program runs somebody else's code.
TEST(GitOutput, TakesSafeUrlsOnly) {
  for (const char* url : {"https://example.com/a.git", "ssh://git@example.com:22/a", "git@h:a/b",
                          "https://[fd00::1]:8443/a"}) {
    EXPECT_TRUE(detail::parse_remote_url(url, detail::LocalSources::kRefused)) << url;
  }
  for (const char* url : {"",
                          "-u",
                          "--upload-pack=x",
                          "ext::sh -c x",
                          "ext::x",
                          "file:///etc",
                          "http://h/a",
                          "/a/b",
                          "git://h/a",
                          "ssh://-oProxyCommand=x/a",
                          "git@-oProxyCommand=x:a",
                          "https://u:p@h/a",
                          "https://token@h/a",
                          "ssh://u:p@h/a",
                          "https:///a",
                          "https://h:0/a",
                          "https://h:x/a",
                          "https://h/a b",
                          "fd::17/a",
                          "https://h\\@evil/"}) {
    EXPECT_FALSE(detail::parse_remote_url(url, detail::LocalSources::kRefused)) << url;
  }
  EXPECT_TRUE(detail::parse_remote_url("file:///srv/a", detail::LocalSources::kAllowed));
  EXPECT_TRUE(detail::parse_remote_url("http://127.0.0.1:1/a", detail::LocalSources::kAllowed));
  EXPECT_EQ(
      detail::parse_remote_url("https://[fd00::1]:8443/a", detail::LocalSources::kRefused)->host,
      "[fd00::1]");
  EXPECT_EQ(detail::parse_remote_url("git@host.example:a/b", detail::LocalSources::kRefused)->host,
            "host.example");
}

TEST(GitOutput, TakesPlainRefsOnly) {
  for (const char* ref : {"HEAD", "main", "feature/x", "v1.2", "refs/heads/a", "0123abcd"}) {
    EXPECT_TRUE(detail::is_plain_ref(ref)) << ref;
  }
  for (const char* ref : {"", "-x", "+a", "a:b", "a..b", "a b", "a~1", "a^{}", "@{1}", "*"}) {
    EXPECT_FALSE(detail::is_plain_ref(ref)) << ref;
  }
}

TEST(Credentials, AreReadFromFilesOfASecret) {
  const auto folder = TemporaryDirectory::create("rage-credentials-").value();
  EXPECT_EQ(authorization_of(load_credentials(folder->path()).value()), "");
  ASSERT_TRUE(write_file_atomically(folder->path() / "username", "Aladdin"));
  ASSERT_TRUE(write_file_atomically(folder->path() / "password", "open sesame\n"));
  const auto credentials = load_credentials(folder->path());
  EXPECT_EQ(authorization_of(*credentials), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_TRUE(credentials->ssh_key.empty());
  EXPECT_EQ(authorization_of({.username = "a", .password = "b"}), "Basic YTpi");
  EXPECT_EQ(authorization_of({.username = "a", .password = "bc"}), "Basic YTpiYw==");
  EXPECT_EQ(authorization_of({.token = "t"}), "Bearer t");
  EXPECT_FALSE(load_credentials(folder->path() / "absent"));
}

// A file that says it belongs to somebody else could otherwise never be removed again.
TEST(SourceDocuments, BelongToTheOwnerWhateverTheySay) {
  const auto documents = documents_of_file(
      {}, "a.json", R"([{"text":"x","metadata":{"indexed_by":"other","file_path":"b","url":"u"}}])",
      kPathKey, "docs/a.json", kSourceOwner);
  ASSERT_TRUE(documents) << documents.error().message;
  ASSERT_EQ(documents->size(), 1U);
  EXPECT_EQ((*documents)[0].metadata[kOwnerKey], kSourceOwner);
  EXPECT_EQ(place_of((*documents)[0].metadata), "docs/a.json");
  EXPECT_EQ((*documents)[0].metadata["url"], "u");
  EXPECT_FALSE(
      documents_of_file({}, "a.md", std::string("a\0b", 3), kPathKey, "a.md", kSourceOwner));
  EXPECT_FALSE(documents_of_file({}, "a.md", "\xff", kPathKey, "a.md", kSourceOwner));
}

// Somebody else's repository must not fill the disk or the memory of a node.
TEST(GitSource, StopsAtItsLimits) {
  const auto folder = TemporaryDirectory::create("rage-repository-").value();
  const auto made = ChildProcess::spawn(
      {.argv = {"sh", "-c",
                "git init --quiet . && head -c 300000 /dev/urandom >noise.bin && echo a >a.md && "
                "echo b >b.md && git add . && git -c user.name=x -c user.email=x commit -qm x"},
       .working_directory = folder->path()});
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ((*made)->wait()->code, 0);
  const GitRequest request{.url = "file://" + folder->path().string()};
  SourceOptions options{.owner = std::string(kSourceOwner), .allow_local = true};
  auto listing = read_git_source(Context{}, request, options);
  ASSERT_TRUE(listing) << listing.error().message;
  EXPECT_EQ(listing->documents.size(), 2U);
  EXPECT_THAT(listing->skipped, ElementsAre(HasSubstr("noise.bin")));
  options.limits.documents_max = 1;
  listing = read_git_source(Context{}, request, options);
  ASSERT_FALSE(listing);
  EXPECT_THAT(listing.error().message, HasSubstr("2 files"));
  options.limits.repository_bytes_max = 100'000;
  listing = read_git_source(Context{}, request, options);
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code, ErrorCode::kResourceExhausted) << listing.error().message;
}

TEST(GitSource, SaysWhatSshNeeds) {
  const auto listing = read_git_source(Context{}, {.url = "git@10.0.0.1:a/b"}, {.owner = "x"});
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(listing.error().message, HasSubstr("known_hosts"));
}

TEST(GitSource, DoesNotReachLocalHosts) {
  for (const char* url : {"https://127.0.0.1/a", "https://[::1]/a", "https://169.254.169.254/a"}) {
    const auto listing = read_git_source(Context{}, {.url = url}, {.owner = "x"});
    ASSERT_FALSE(listing) << url;
    EXPECT_EQ(listing.error().code, ErrorCode::kPermissionDenied) << listing.error().message;
  }
}

// A file that is damaged today must not take what is indexed of it along, nor a link lead outside.
TEST(FolderSource, ReadsWhatLiesInIt) {
  const auto folder = *TemporaryDirectory::create("rage-folder-");
  const auto root = folder->path() / "docs";
  ASSERT_TRUE(ensure_directory(root / "sub" / ".hidden"));
  for (const auto& [name, content] : {std::pair{"sub/b.md", "# Beta"},
                                      {"a.txt", "Alpha"},
                                      {"empty.txt", " "},
                                      {"broken.json", "{"},
                                      {"c.py", "x = 1"},
                                      {"sub/.hidden/d.txt", "no"}}) {
    ASSERT_TRUE(write_file_atomically(root / name, content));
  }
  ASSERT_TRUE(write_file_atomically(folder->path() / "secret.txt", "secret"));
  std::filesystem::create_symlink(folder->path() / "secret.txt", root / "link.txt");
  const SourceOptions options{.owner = std::string(kSourceOwner)};
  const auto listing = read_folder_source({}, {.folder = root}, options);
  ASSERT_TRUE(listing) << listing.error().message;
  ASSERT_EQ(listing->documents.size(), 2U);
  EXPECT_EQ(listing->documents[0].place, "a.txt");
  EXPECT_EQ(listing->documents[1].metadata[kPathKey], "sub/b.md");
  EXPECT_EQ(listing->documents[1].metadata[kOwnerKey], kSourceOwner);
  EXPECT_THAT(listing->failures, ElementsAre(HasSubstr("broken.json: ")));
  EXPECT_TRUE(listing->kept_places.contains("broken.json"));
  EXPECT_THAT(listing->skipped, ElementsAre(HasSubstr("c.py: ")));
  const auto code = read_folder_source({}, {.folder = root, .include = {"*.py"}}, options);
  ASSERT_EQ(code->documents.size(), 1U);
  EXPECT_EQ(code->documents[0].metadata["language"], "python");
  EXPECT_NE(code->revision, listing->revision);
  EXPECT_EQ(read_folder_source({}, {.folder = root / "none"}, options).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace rage::cli
