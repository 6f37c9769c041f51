#include "gateway/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/files.h"
#include "base/mutex.h"

namespace rage::gateway {
namespace {

using testing::HasSubstr;

std::string a_service(const std::string& name) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {ports: []}\n";
}

// Time passes as fast as it is looked at.
class HurryingClock final : public Clock {
 public:
  SteadyTime now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }
  bool sleep_for(std::chrono::nanoseconds, std::stop_token stop) override {
    std::this_thread::yield();
    return !stop.stop_requested();
  }
};

TEST(FileWatcher, TellsOfChangesButNotOfMistakes) {
  const auto folder = *TemporaryDirectory::create("gateway-files");
  const auto file = folder->path() / "a.yaml";
  ASSERT_TRUE(write_file_atomically(file, a_service("one")));
  HurryingClock clock;
  std::atomic<int> told = 0;
  Guarded<gatewayapi::World> last;
  FileWatcher watcher(folder->path(), clock, [&](const gatewayapi::World& world) {
    last.with([&](auto& kept) { kept = world; });
    ++told;
  });
  ASSERT_TRUE(write_file_atomically(file, "apiVersion: v1\nkind: Service\nmetadata: [\n"));
  ASSERT_TRUE(write_file_atomically(folder->path() / "b.yaml", a_service("two") + "# mistake\n"));
  ASSERT_TRUE(write_file_atomically(file, a_service("one-and-a-half")));
  const auto has_both = [&] {
    return last.with([](const auto& world) {
      return world.services.contains({"default", "one-and-a-half"}) &&
             world.services.contains({"default", "two"});
    });
  };
  while (!has_both()) std::this_thread::yield();
  EXPECT_GE(told, 1);
}

TEST(ReadWorld, NamesTheMistake) {
  const auto folder = *TemporaryDirectory::create("gateway-files");
  ASSERT_TRUE(write_file_atomically(folder->path() / "bad.yaml", "kind: Nothing\n"));
  const auto world = read_world(folder->path());
  ASSERT_FALSE(world);
  EXPECT_THAT(world.error().message, HasSubstr("bad.yaml"));
}

}  // namespace
}  // namespace rage::gateway
