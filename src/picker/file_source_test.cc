// A pool without Kubernetes is a file that people and programs edit under a running picker.
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "kube/manual_clock_for_test.h"
#include "picker/endpoint_source.h"
#include "picker/waiting_for_test.h"

namespace rage::picker {
namespace {

using namespace std::chrono_literals;

constexpr char kOne[] = "endpoints:\n- {name: a, address: 10.0.0.1, port: \"8000\"}\n";
constexpr char kTwo[] =
    "endpoints:\n- {name: a, address: 10.0.0.1, port: 8000}\n"
    "- {name: b, address: \"::1\", port: 8001, labels: {llm-d.ai/role: decode}}\n";

class FileSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::create("endpoints");
    ASSERT_TRUE(made);
    folder_ = *std::move(made);
    path_ = folder_->path() / "endpoints.yaml";
  }
  void write(std::string_view text) { ASSERT_TRUE(write_file_atomically(path_, text)); }
  Result<std::unique_ptr<EndpointSource>> make() {
    return make_file_source({.path = path_, .poll = 500ms}, clock_);
  }
  void look() {
    clock_.wait_for_sleepers(1);
    clock_.advance(500ms);
    clock_.wait_for_sleepers(1);  // It has looked.
  }

  std::unique_ptr<TemporaryDirectory> folder_;
  std::filesystem::path path_;
  kube::ManualClock clock_;
  Collected<PoolContents> seen_;
};

TEST_F(FileSourceTest, FollowsTheFileAndKeepsTheEndpointsOverAMistake) {
  write(kOne);
  auto source = make();
  ASSERT_TRUE(source) << source.error().message;
  (*source)->start([this](PoolContents contents) { seen_.add(std::move(contents)); });
  EXPECT_EQ(seen_.wait_for(1).at(0).endpoints.at(0).authority(), "10.0.0.1:8000");
  look();
  EXPECT_EQ(seen_.size(), 1) << "nothing has changed";
  write("endpoints: [{name: a}]");
  look();
  ASSERT_TRUE(std::filesystem::remove(path_));
  look();
  EXPECT_EQ(seen_.size(), 1);
  write(kTwo);
  look();
  const auto seen = seen_.wait_for(2);
  ASSERT_EQ(seen.size(), 2);
  EXPECT_EQ(seen[1].endpoints.at(1).authority(), "[::1]:8001");
}

TEST_F(FileSourceTest, AMistakeAtTheStartIsAnError) {
  EXPECT_EQ(make().error().code, ErrorCode::kNotFound);
  write("endpoints: 3");
  const auto source = make();
  ASSERT_FALSE(source);
  EXPECT_NE(source.error().message.find(path_.native()), std::string::npos);
}

TEST(PushSource, WhatWasPushedBeforeTheStartIsNotLost) {
  PushSource source;
  source.push({.endpoints = {{.name_space = "ns", .pod = "early", .address = "::1"}}});
  Collected<PoolContents> seen;
  source.start([&](PoolContents contents) { seen.add(std::move(contents)); });
  source.push({});
  const auto all = seen.wait_for(2);
  ASSERT_EQ(all.size(), 2);
  EXPECT_EQ(all[0].endpoints.at(0).pod, "early");
}

}  // namespace
}  // namespace rage::picker
