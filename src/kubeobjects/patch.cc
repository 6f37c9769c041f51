#include "kubeobjects/patch.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "codec/documents.h"
#include "kubeobjects/detail/merge_objects.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects {
namespace {

constexpr std::size_t kOperationsMax = 10'000;

using Path = std::vector<std::string>;

std::unexpected<Error> refuse() {
  return fail(status_error({.http_status = 422, .reason = "Invalid", .details_always = true},
                           "the server rejected our request due to an error in our request"));
}

// A JSON pointer (RFC 6901).
std::optional<Path> parse_pointer(std::string_view text) {
  Path path;
  if (text.empty()) return path;
  if (text.front() != '/') return std::nullopt;
  for (const std::string_view part : split(text.substr(1), '/')) {
    std::string key;
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] != '~') {
        key += part[i];
      } else if (i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1')) {
        key += part[++i] == '0' ? '~' : '/';
      } else {
        return std::nullopt;
      }
    }
    path.push_back(std::move(key));
  }
  return path;
}

// The place of `key` in a list; `size` is where "-" is. None if it is not there.
std::optional<std::size_t> index_of(const std::string& key, std::size_t size) {
  if (key == "-") return size;
  const auto index = parse_uint(key);
  if (!index || *index > size) return std::nullopt;
  return static_cast<std::size_t>(*index);
}

Json* child(Json& parent, const std::string& key) {
  if (parent.is_object()) {
    const auto it = parent.find(key);
    return it == parent.end() ? nullptr : &*it;
  }
  if (!parent.is_array()) return nullptr;
  const auto index = index_of(key, parent.size());
  return index && *index < parent.size() ? &parent[*index] : nullptr;
}

Json* walk(Json& root, const Path& path, std::size_t steps) {
  Json* at = &root;
  for (std::size_t i = 0; i < steps && at != nullptr; ++i) at = child(*at, path[i]);
  return at;
}

bool add(Json& root, const Path& path, Json value) {
  if (path.empty()) {
    root = std::move(value);
    return true;
  }
  Json* parent = walk(root, path, path.size() - 1);
  if (parent == nullptr) return false;
  if (parent->is_object()) {
    (*parent)[path.back()] = std::move(value);
    return true;
  }
  const auto index = parent->is_array() ? index_of(path.back(), parent->size()) : std::nullopt;
  if (!index) return false;
  parent->insert(parent->begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
  return true;
}

bool remove(Json& root, const Path& path) {
  Json* parent = path.empty() ? nullptr : walk(root, path, path.size() - 1);
  if (parent == nullptr || child(*parent, path.back()) == nullptr) return false;
  if (parent->is_object()) {
    parent->erase(path.back());
  } else {
    parent->erase(*index_of(path.back(), parent->size()));
  }
  return true;
}

bool starts_with(const Path& path, const Path& prefix) {
  return path.size() > prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

bool operate(Json& root, const Json& operation) {
  const std::string op = codec::string_or(operation, "op", "");
  const auto path = parse_pointer(codec::string_or(operation, "path", "?"));
  const Json* value = codec::find_key(operation, "value");
  if (!path) return false;
  if (op == "remove") return remove(root, *path);
  if (op == "move" || op == "copy") {
    const auto from = parse_pointer(codec::string_or(operation, "from", "?"));
    if (!from || (op == "move" && starts_with(*path, *from))) return false;
    Json* source = walk(root, *from, from->size());
    if (source == nullptr) return false;
    Json moved = *source;
    if (op == "move" && !remove(root, *from)) return false;
    return add(root, *path, std::move(moved));
  }
  if (op == "add") return value != nullptr && add(root, *path, *value);
  Json* target = walk(root, *path, path->size());
  if (op == "test") {
    return codec::same_json(target == nullptr ? Json() : *target,
                            value == nullptr ? Json() : *value);
  }
  if (op != "replace" || target == nullptr || value == nullptr) return false;
  *target = *value;
  return true;
}

}  // namespace

Result<Json> json_patch(const Json& document, const Json& patch) {
  if (!patch.is_array()) return fail(bad_request("error decoding patch: it is no JSON array"));
  if (patch.size() > kOperationsMax) {
    return fail(status_error({.http_status = 413, .reason = "RequestEntityTooLarge"},
                             fmt::format("The allowed maximum operations in a JSON patch is {}, "
                                         "got {}",
                                         kOperationsMax, patch.size())));
  }
  Json result = document;
  for (const Json& operation : patch) {
    if (!operation.is_object()) return fail(bad_request("error decoding patch: no operation"));
    if (!operate(result, operation)) return refuse();
  }
  return result;
}

Json merge_patch(const Json& document, const Json& patch) {
  if (!patch.is_object()) return patch;
  const auto merge = [](const std::string&, const Json* before,
                        const Json& value) -> std::optional<Json> {
    if (value.is_null()) return std::nullopt;
    return merge_patch(before == nullptr ? Json() : *before, value);
  };
  return detail::merge_objects(document.is_object() ? document : Json::object(), patch, merge);
}

}  // namespace rage::kubeobjects
