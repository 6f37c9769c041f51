#include "kube/detail/object_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace rage::kube::detail {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ObjectPtr object(std::string name, int version, std::string uid = "u", std::string color = "red") {
  return std::make_shared<const Object>(Json{{"metadata",
                                              {{"name", name},
                                               {"namespace", "ns"},
                                               {"uid", uid},
                                               {"resourceVersion", std::to_string(version)},
                                               {"labels", {{"color", color}}}}}});
}

// "a: 1 -> 2"
std::vector<std::string> texts(const std::vector<Change>& changes) {
  std::vector<std::string> lines;
  const auto version = [](const ObjectPtr& one) {
    return one ? one->meta().resource_version : std::string("none");
  };
  for (const Change& change : changes) {
    lines.push_back(fmt::format("{}: {} -> {}", change.latest().meta().name, version(change.before),
                                version(change.after)));
  }
  return lines;
}

class ObjectStoreTest : public testing::Test {
 protected:
  std::vector<std::string> added(const ObjectPtr& one) {
    return texts(store_.apply(WatchEventType::kAdded, one));
  }
  std::vector<std::string> modified(const ObjectPtr& one) {
    return texts(store_.apply(WatchEventType::kModified, one));
  }
  std::vector<std::string> deleted(const ObjectPtr& one) {
    return texts(store_.apply(WatchEventType::kDeleted, one));
  }
  std::vector<std::string> replaced(const std::vector<ObjectPtr>& all, std::string version) {
    std::map<ObjectKey, ObjectPtr> objects;
    for (const ObjectPtr& one : all) objects.emplace(one->meta().key(), one);
    return texts(store_.replace(std::move(objects), version));
  }

  ObjectStore store_{{{"color", [](const Object& one) {
                         return std::vector<std::string>{one.meta().label("color")};
                       }}}};
};

TEST(CompareVersionsTest, ComparesNumbersAndNothingElse) {
  EXPECT_EQ(compare_versions("9", "10"), -1);
  EXPECT_EQ(compare_versions("10", "9"), 1);
  EXPECT_EQ(compare_versions("10", "10"), 0);
  EXPECT_EQ(compare_versions("", "10"), 0);
  EXPECT_EQ(compare_versions("abc", "abd"), 0);
}

TEST_F(ObjectStoreTest, PassesOnWhatIsNewAndNothingTwice) {
  EXPECT_THAT(added(object("a", 1)), ElementsAre("a: none -> 1"));
  EXPECT_THAT(added(object("a", 1)), IsEmpty());
  EXPECT_THAT(modified(object("a", 3)), ElementsAre("a: 1 -> 3"));
  EXPECT_THAT(modified(object("a", 2)), IsEmpty());
  EXPECT_THAT(deleted(object("a", 4)), ElementsAre("a: 3 -> none"));
  EXPECT_THAT(deleted(object("a", 4)), IsEmpty());
}

// A late event of something deleted would leave a ghost in the cache until the next list.
TEST_F(ObjectStoreTest, LetsNothingRiseFromTheDead) {
  added(object("a", 1));
  deleted(object("a", 5));
  EXPECT_THAT(modified(object("a", 4)), IsEmpty());
  store_.remember(object("a", 4), false);
  EXPECT_EQ(store_.size(), 0U);
  EXPECT_THAT(added(object("a", 6, "u2")), ElementsAre("a: none -> 6"));
  EXPECT_THAT(deleted(object("a", 5)), IsEmpty());  // The first one's, again.
  EXPECT_EQ(store_.size(), 1U);
  EXPECT_THAT(added(object("a", 9, "u3")), ElementsAre("a: 6 -> none", "a: none -> 9"));
}

TEST_F(ObjectStoreTest, FindsTheDifferenceToANewList) {
  added(object("gone", 1));
  added(object("same", 2));
  added(object("old", 3));
  added(object("ahead", 30));
  EXPECT_THAT(
      replaced({object("same", 2), object("old", 8), object("ahead", 7), object("new", 9)}, "10"),
      ElementsAre("gone: 1 -> none", "new: none -> 9", "old: 3 -> 8"));
  EXPECT_THAT(modified(object("gone", 9)), IsEmpty());
  EXPECT_THAT(added(object("gone", 11, "u2")), ElementsAre("gone: none -> 11"));
}

// After a restore of etcd every version is lower: a cache that waits for higher ones is blind.
TEST_F(ObjectStoreTest, StartsAnewWhenTheClusterWasRestored) {
  replaced({object("a", 90), object("b", 95)}, "100");
  EXPECT_THAT(replaced({object("a", 50)}, "60"),
              ElementsAre("a: 90 -> none", "b: 95 -> none", "a: none -> 50"));
  EXPECT_THAT(modified(object("a", 61)), ElementsAre("a: 50 -> 61"));
}

// A reconcile sees its own write at once, and everybody else hears of it all the same.
TEST_F(ObjectStoreTest, RemembersWritesAndStillTellsOfThem) {
  added(object("a", 1));
  store_.remember(object("a", 3), false);
  EXPECT_EQ(store_.find({"ns", "a"})->meta().resource_version, "3");
  EXPECT_THAT(modified(object("a", 2)), IsEmpty());
  EXPECT_THAT(modified(object("a", 3)), ElementsAre("a: 1 -> 3"));
  EXPECT_THAT(modified(object("a", 3)), IsEmpty());
  store_.remember(object("a", 2), false);
  EXPECT_EQ(store_.find({"ns", "a"})->meta().resource_version, "3");
  store_.remember(object("b", 4), false);
  EXPECT_THAT(added(object("b", 4)), ElementsAre("b: none -> 4"));
  store_.remember(object("c", 5), false);
  EXPECT_THAT(deleted(object("c", 6)), ElementsAre("c: 5 -> none"));
  store_.remember(object("d", 7), true);
  EXPECT_EQ(store_.find({"ns", "d"}), nullptr);
}

TEST_F(ObjectStoreTest, KeepsWritesThatAListIsTooOldToShow) {
  store_.remember(object("a", 12), false);
  EXPECT_THAT(replaced({}, "10"), IsEmpty());
  EXPECT_NE(store_.find({"ns", "a"}), nullptr);
  store_.remember(object("b", 9), false);  // The list would show it, were it still there.
  EXPECT_EQ(store_.find({"ns", "b"}), nullptr);
  EXPECT_THAT(replaced({}, "20"), ElementsAre("a: 12 -> none"));
}

TEST_F(ObjectStoreTest, IndexesFollow) {
  const auto red = [&] {
    std::string names;
    for (const ObjectPtr& one : store_.by_index("color", "red")) names += one->meta().name;
    return names;
  };
  added(object("b", 1));
  added(object("a", 2));
  EXPECT_EQ(red(), "ab");
  modified(object("a", 3, "u", "blue"));
  EXPECT_EQ(red(), "b");
  store_.remember(object("c", 4), false);
  EXPECT_EQ(red(), "bc");
  replaced({object("c", 4)}, "5");
  EXPECT_EQ(red(), "c");
  deleted(object("c", 6));
  EXPECT_EQ(red(), "");
  EXPECT_TRUE(store_.by_index("nothing", "red").empty());
}

// Whatever order and however often the events come: the end is what the server has.
TEST_F(ObjectStoreTest, ConvergesWhateverTheOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 15; ++round) {
    ObjectStore store({});
    std::vector<std::pair<WatchEventType, ObjectPtr>> events;
    std::map<std::string, int> alive;
    std::map<std::string, int> lives;  // Each has a uid of its own.
    for (int version = 1; version <= 40; ++version) {
      const std::string name(1, static_cast<char>('a' + random() % 4));
      const bool removes = alive.contains(name) && random() % 3 == 0;
      events.emplace_back(removes ? WatchEventType::kDeleted : WatchEventType::kModified,
                          object(name, version, std::to_string(lives[name])));
      if (removes) {
        alive.erase(name);
        ++lives[name];
      } else {
        alive[name] = version;
      }
    }
    const auto copy = events;
    events.insert(events.end(), copy.begin(), copy.end());
    std::shuffle(events.begin(), events.end(), random);
    std::map<std::string, std::string> told;
    for (const auto& [type, one] : events) {
      for (const Change& change : store.apply(type, one)) {
        const ObjectMeta& meta = change.latest().meta();
        EXPECT_EQ(told[meta.name], change.before ? change.before->meta().resource_version : "");
        told[meta.name] = change.after ? meta.resource_version : "";
      }
    }
    EXPECT_EQ(store.size(), alive.size());
    for (const auto& [name, version] : alive) {
      const ObjectPtr found = store.find({"ns", name});
      ASSERT_NE(found, nullptr) << round << name;
      EXPECT_EQ(found->meta().resource_version, std::to_string(version));
    }
  }
}

}  // namespace
}  // namespace rage::kube::detail
