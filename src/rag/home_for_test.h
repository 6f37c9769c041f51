// A fresh place for indexes of each kind: below a directory, or in the PostgreSQL that
// tests/support/postgres.py started.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/strings.h"
#include "rag/collections.h"
#include "vectordb/pg_store.h"

namespace rage::rag {

class HomeForTest final {
 public:
  explicit HomeForTest(std::string kind) : kind_(std::move(kind)) {
    std::erase(schema_, '-');
    if (const char* address = std::getenv("RAGE_TEST_POSTGRES")) address_ = address;
  }
  bool is_shared() const { return kind_ == "postgres"; }
  bool available() const { return !is_shared() || !address_.empty(); }
  std::filesystem::path data() const { return std::filesystem::canonical(directory_->path()); }

  // As a program that starts: with a connection of its own. Null, and the test has failed, if it
  // cannot.
  std::unique_ptr<Collections> open(embed::Embedder& embedder,
                                    std::vector<embed::Embedder*> others = {}) {
    if (!is_shared()) return taken(Collections::open(data(), embedder, {}, others));
    auto store = vectordb::PgStore::open(Context::with_timeout(std::chrono::seconds(30)),
                                         {.address = address_, .schema = "t" + schema_});
    EXPECT_TRUE(store) << store.error().message << " " << store.error().detail;
    if (!store) return nullptr;
    stores_.push_back(*std::move(store));
    return taken(Collections::open(data(), *stores_.back(), embedder, {}, others));
  }

 private:
  static std::unique_ptr<Collections> taken(Result<std::unique_ptr<Collections>> opened) {
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? *std::move(opened) : nullptr;
  }

  const std::string kind_;
  std::string address_;
  std::string schema_ = random_uuid();
  std::unique_ptr<TemporaryDirectory> directory_ = *TemporaryDirectory::create("rage-rag-");
  std::vector<std::unique_ptr<vectordb::PgStore>> stores_;  // Outlive what uses them.
};

}  // namespace rage::rag
