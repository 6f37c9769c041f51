// Objects of very many keys: nlohmann's ordered objects look through all of them for each one.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "codec/json.h"

namespace rage::codec {

// Value; finds the keys of one object, each in constant time. Reading is thread-safe.
class KeyFinder final {
 public:
  // `object` outlives this and stays as it is. What is no object has no keys.
  explicit KeyFinder(const Json& object);
  // Null if it is not there.
  const Json* find(std::string_view key) const;

 private:
  const Json* few_ = nullptr;  // Looked through.
  std::unordered_map<std::string_view, const Json*> many_;
};

// `object` must not have `key` yet.
inline void append_key(Json& object, std::string key, Json value) {
  object.get_ref<Json::object_t&>().emplace_back(std::move(key), std::move(value));
}

}  // namespace rage::codec
