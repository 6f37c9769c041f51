#include "rag/persisted.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rage::rag {
namespace {

namespace fs = std::filesystem;

struct PersistedTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> directory = *TemporaryDirectory::create("rage-persisted-");
  fs::path data = fs::canonical(directory->path()) / "data";
  void SetUp() override { fs::create_directories(data / "indexes"); }

  std::string plan(std::string_view given, std::string_view name = "i") {
    const auto place = plan_persist_place(data, given, name);
    return place ? place->folder.string() : "refused: " + place.error().message;
  }
};

// KAITO's Python client sends path=storage always; two indexes must not end up in one folder.
TEST_F(PersistedTest, DefaultsJoinTheName) {
  for (const std::string& given :
       {std::string(), std::string("storage"), data.string(), data.string() + "/"})
    EXPECT_EQ(plan(given), (data / "i").string()) << given;
  EXPECT_EQ(plan_persist_place("storage", "", "i")->shown, "storage/i");
}

TEST_F(PersistedTest, PathsBelowTheDataDirectoryAreTakenAsGiven) {
  EXPECT_EQ(plan(data.string() + "/snap/x"), (data / "snap/x").string());
  EXPECT_EQ(plan("./custom"), (data / "custom").string());
  EXPECT_EQ(plan_persist_place(data, "./custom", "i")->shown, "./custom");
}

// Whoever reaches the service must not write or read elsewhere.
TEST_F(PersistedTest, NothingLeadsOutside) {
  fs::create_directory_symlink("/", data / "link");
  for (const std::string& given :
       {std::string("/etc"), std::string("/"), std::string("../x"), std::string("a/../../x"),
        std::string("link/etc"), data.string() + "/../x", data.string() + "x",
        std::string("a\0b", 3), std::string(5000, 'a'), std::string("indexes"),
        std::string("indexes/index-i")}) {
    EXPECT_TRUE(plan(given).starts_with("refused: ")) << given << " -> " << plan(given);
  }
}

TEST_F(PersistedTest, NamesNeverBecomePaths) {
  for (const std::string& name :
       {std::string(), std::string(".."), std::string("../../x"), std::string("indexes"),
        std::string("a/b"), std::string("a\0b", 3), std::string(3000, 'n')}) {
    const fs::path folder = plan("", name);
    EXPECT_EQ(folder.parent_path(), data) << name;
    EXPECT_TRUE(folder.filename().string().starts_with("sha256-")) << name;
  }
}

}  // namespace
}  // namespace rage::rag
