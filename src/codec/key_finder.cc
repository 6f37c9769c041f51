#include "codec/key_finder.h"

namespace rage::codec {
namespace {

constexpr std::size_t kFewKeys = 32;

}  // namespace

KeyFinder::KeyFinder(const Json& object) {
  if (!object.is_object()) return;
  if (object.size() <= kFewKeys) {
    few_ = &object;
    return;
  }
  many_.reserve(object.size());
  for (const auto& [key, value] : object.get_ref<const Json::object_t&>()) {
    many_.emplace(key, &value);
  }
}

const Json* KeyFinder::find(std::string_view key) const {
  if (few_ != nullptr) return find_key(*few_, key);
  const auto found = many_.find(key);
  return found == many_.end() ? nullptr : found->second;
}

}  // namespace rage::codec
