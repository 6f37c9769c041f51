#include "operator/revision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apis/kinds.h"
#include "base/sha256.h"

namespace rage::op {
namespace {

const ObjectMeta kOwner{.name = "ws", .ns = "default", .uid = "uid-1"};

Revision plan_revision_of(const ObjectMeta& owner, std::string_view input,
                          const std::vector<Json>& existing) {
  return plan_revision("workspace", apis::workspace_type(), owner, input, Json::object(), existing);
}

Json created(const Revision& revision) {
  for (const Change& change : revision.changes) {
    if (const auto* create = std::get_if<CreateObject>(&change)) return create->object;
  }
  return {};
}

ObjectMeta annotated_meta(const Revision& revision) {
  ObjectMeta owner = kOwner;
  owner.annotations = {{"workspace.kaito.io/hash", revision.hash},
                       {"workspace.kaito.io/revision", std::to_string(revision.number)}};
  return owner;
}

TEST(PlanRevision, TheFirstOneIsNumberOneAndIsOwned) {
  const Revision revision = plan_revision_of(kOwner, "spec", {});
  EXPECT_EQ(revision.number, 1);
  EXPECT_EQ(revision.hash, sha256_hex("spec"));
  const Json object = created(revision);
  EXPECT_EQ(object["metadata"]["name"], "ws-" + revision.hash.substr(0, 5));
  EXPECT_EQ(object["metadata"]["ownerReferences"][0]["uid"], "uid-1");
  EXPECT_EQ(object["revision"], 1);
  EXPECT_TRUE(std::holds_alternative<PatchObject>(revision.changes.back()));
}

TEST(PlanRevision, NothingToDoOnceItIsWrittenDown) {
  const Revision first = plan_revision_of(kOwner, "spec", {});
  EXPECT_TRUE(plan_revision_of(annotated_meta(first), "spec", {created(first)}).changes.empty());
}

// Pods carry the number: giving an old spec a new one would restart them for nothing.
TEST(PlanRevision, AnOldSpecGetsItsOldNumberBack) {
  const Revision first = plan_revision_of(kOwner, "one", {});
  const Revision second = plan_revision_of(annotated_meta(first), "two", {created(first)});
  EXPECT_EQ(second.number, 2);
  const Revision back =
      plan_revision_of(annotated_meta(second), "one", {created(first), created(second)});
  EXPECT_EQ(back.number, 1);
  EXPECT_THAT(created(back), Json());
}

TEST(PlanRevision, AShortNameThatIsTakenGetsMoreDigits) {
  const Revision first = plan_revision_of(kOwner, "one", {});
  Json other = created(first);
  other["metadata"]["annotations"]["workspace.kaito.io/hash"] = "0000";
  const Json second = created(plan_revision_of(kOwner, "one", {other}));
  EXPECT_EQ(second["metadata"]["name"], "ws-" + first.hash.substr(0, 6));
  EXPECT_EQ(second["revision"], 2);
}

TEST(PlanRevision, TheOldestOfMoreThanTenIsDropped) {
  std::vector<Json> existing;
  for (int i = 0; i < 11; ++i) {
    existing.push_back(created(plan_revision_of(kOwner, "spec " + std::to_string(i), existing)));
  }
  const Revision next = plan_revision_of(kOwner, "new", existing);
  int deleted = 0;
  for (const Change& change : next.changes) {
    const auto* remove = std::get_if<DeleteObject>(&change);
    if (remove == nullptr) continue;
    ++deleted;
    EXPECT_EQ(Json(remove->key.name), existing[0]["metadata"]["name"]);
  }
  EXPECT_EQ(deleted, 1);
  EXPECT_EQ(next.number, 12);
}

}  // namespace
}  // namespace rage::op
