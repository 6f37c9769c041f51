// Reads typed fields of a JSON object and remembers the first value of a wrong type.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apis/meta.h"

namespace rage::apis::detail {

// Value; borrows the JSON. One thread. Readers of nested objects share the error. What is absent or
// null reads as the fallback, also through any number of nested readers.
class FieldReader final {
 public:
  // `path` is how an error names the object: "" for a whole document, "spec" for its spec.
  explicit FieldReader(const Json& object, std::string path = "");

  bool exists() const { return object_ != nullptr; }
  FieldReader child(std::string_view key) const;
  std::vector<FieldReader> children(std::string_view key) const;  // Of a list of objects.
  std::vector<std::string> keys() const;

  std::string text(std::string_view key, std::string_view fallback = "") const;
  int integer(std::string_view key, int fallback = 0) const;
  std::optional<int> optional_integer(std::string_view key) const;
  bool flag(std::string_view key, bool fallback = false) const;
  std::vector<std::string> texts(std::string_view key) const;
  StringMap text_map(std::string_view key) const;
  LabelSelector selector(std::string_view key) const;
  // A copy of any object below `key`; null if absent.
  Json object(std::string_view key) const;
  // Null if absent.
  const Json* find(std::string_view key) const;

  void refuse(std::string_view key, std::string_view why) const;  // "spec.x: why"
  Result<void> check() const;  // The first error of this reader and all that share with it.

 private:
  FieldReader(const Json* object, std::string path, std::shared_ptr<std::string> error)
      : object_(object), path_(std::move(path)), error_(std::move(error)) {}
  std::string path_of(std::string_view key) const;

  const Json* object_;
  std::string path_;
  std::shared_ptr<std::string> error_;
};

}  // namespace rage::apis::detail
