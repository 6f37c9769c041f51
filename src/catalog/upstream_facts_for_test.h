// testdata/upstream.json: what KAITO 0.12 publishes or computes for its catalogue.
#pragma once

#include <gtest/gtest.h>

#include "base/files.h"
#include "codec/json.h"
#include "test_paths.h"

namespace rage::catalog {

inline const codec::Json& upstream_facts() {
  static const codec::Json kFacts = [] {
    const auto text = read_file(test::source_dir() / "src/catalog/testdata/upstream.json", 1 << 20);
    EXPECT_TRUE(text) << text.error().message;
    return codec::parse_json(text.value_or("")).value_or(codec::Json::object());
  }();
  return kFacts;
}

// The entry of one model; an empty object if there is none.
inline const codec::Json& upstream_facts_of(std::string_view id) {
  static const codec::Json kNone = codec::Json::object();
  const codec::Json* models = codec::find_key(upstream_facts(), "models");
  const codec::Json* found = models == nullptr ? nullptr : codec::find_key(*models, id);
  return found == nullptr ? kNone : *found;
}

}  // namespace rage::catalog
