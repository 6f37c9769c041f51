#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/base64.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "kustomize/detail/item.h"
#include "kustomize/kustomize.h"
#include "text/unicode.h"

namespace rage::kustomize {
namespace {

constexpr std::size_t kHashCharacters = 10;

struct Data {
  Pairs entries;  // Sorted when they are written.

  Result<void> add(const std::string& where, const std::string& key, std::string value) {
    const bool taken =
        std::ranges::any_of(entries, [&](const auto& entry) { return entry.first == key; });
    if (taken) {
      return fail(ErrorCode::kInvalidArgument, "{}: the key '{}' is given twice", where, key);
    }
    if (key.empty() || !std::ranges::all_of(key, [](char c) {
          return is_ascii_alpha(c) || is_ascii_digit(c) || c == '-' || c == '_' || c == '.';
        })) {
      return fail(ErrorCode::kInvalidArgument, "{}: '{}' is no valid key", where, key);
    }
    entries.emplace_back(key, std::move(value));
    return {};
  }
};

// One quote at either end, as a shell would take it away.
std::string unquoted(const std::string& text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.front() == text.back()) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

Result<void> add_literals(const Generator& rule, const std::string& where, Data& data) {
  for (const std::string& literal : rule.literals) {
    const std::size_t equals = literal.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::kInvalidArgument, "{}: literal '{}' is not KEY=VALUE", where, literal);
    }
    RETURN_IF_ERROR(
        data.add(where, literal.substr(0, equals), unquoted(literal.substr(equals + 1))));
  }
  return {};
}

Result<void> add_files(const Generator& rule, const ReadFile& read, const std::string& where,
                       Data& data) {
  for (const std::string& file : rule.files) {
    const std::size_t equals = file.find('=');
    const std::string path = equals == std::string::npos ? file : file.substr(equals + 1);
    const std::string key =
        equals == std::string::npos ? path.substr(path.rfind('/') + 1) : file.substr(0, equals);
    ASSIGN_OR_RETURN(std::string text, read(path));
    RETURN_IF_ERROR(data.add(where, key, std::move(text)));
  }
  return {};
}

// KEY=VALUE lines; a key alone is refused: what a build makes must not depend on who runs it.
Result<void> add_env_file(const std::string& file, std::string_view text, Data& data) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (!line.empty() && is_ascii_space(line.front())) line.remove_prefix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return fail(ErrorCode::kInvalidArgument, "{}: '{}' is not KEY=VALUE", file, line);
    }
    RETURN_IF_ERROR(
        data.add(file, std::string(line.substr(0, equals)), std::string(line.substr(equals + 1))));
  }
  return {};
}

Result<Data> data_of(const Generator& rule, const ReadFile& read, const std::string& where) {
  Data data;
  RETURN_IF_ERROR(add_literals(rule, where, data));
  RETURN_IF_ERROR(add_files(rule, read, where, data));
  for (const std::string& file : rule.env_files) {
    ASSIGN_OR_RETURN(const std::string text, read(file));
    RETURN_IF_ERROR(add_env_file(file, text, data));
  }
  std::ranges::sort(data.entries);
  return data;
}

void put_all(const Pairs& pairs, const char* key, Json& object) {
  for (const auto& [name, value] : pairs) object["metadata"][key][name] = value;
}

Json object_of(const Generator& rule, const Data& data) {
  Json object = {{"apiVersion", "v1"}, {"kind", rule.secret ? "Secret" : "ConfigMap"}};
  object["metadata"] = {{"name", rule.name}};
  if (!rule.ns.empty()) object["metadata"]["namespace"] = rule.ns;
  put_all(rule.options.labels, "labels", object);
  put_all(rule.options.annotations, "annotations", object);
  for (const auto& [key, value] : data.entries) {
    if (rule.secret) {
      object["data"][key] = encode_base64(value);
    } else if (text::is_valid_utf8(value)) {
      object["data"][key] = value;
    } else {
      object["binaryData"][key] = encode_base64(value);
    }
  }
  if (rule.secret) object["type"] = rule.type.empty() ? "Opaque" : rule.type;
  if (rule.options.immutable) object["immutable"] = true;
  return object;
}

// What `from` has and `to` lacks, or has otherwise.
void overlay(const Json& from, const char* key, Json& to) {
  const Json* map = codec::find_key(from, key);
  if (map == nullptr || !map->is_object()) return;
  for (const auto& [name, value] : map->items()) to[key][name] = value;
}

Json combined(const Json& before, const Json& made, bool merges) {
  Json result = before;
  if (!merges) {
    result.erase("data");
    result.erase("binaryData");
  }
  overlay(made, "data", result);
  overlay(made, "binaryData", result);
  if (const Json* metadata = codec::find_key(made, "metadata")) {
    overlay(*metadata, "labels", result["metadata"]);
    overlay(*metadata, "annotations", result["metadata"]);
  }
  if (made.contains("immutable")) result["immutable"] = made["immutable"];
  return result;
}

Json sorted(const Json& map) {
  Pairs entries;
  for (const auto& [key, value] : map.items()) {
    entries.emplace_back(key, value.is_string() ? value.get<std::string>() : "");
  }
  std::ranges::sort(entries);
  Json result = Json::object();
  for (const auto& [key, value] : entries) result[key] = value;
  return result;
}

// As Go's encoding/json writes it: markup is escaped, so that the hash is kustomize's.
std::string go_json(const Json& value) {
  std::string escaped;
  const std::string text = codec::render_json(value);
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = std::string_view(text).substr(at);
    if (text[at] == '<') {
      escaped += "\\u003c";
    } else if (text[at] == '>') {
      escaped += "\\u003e";
    } else if (text[at] == '&') {
      escaped += "\\u0026";
    } else if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) {
      escaped += rest[2] == '\xA8' ? "\\u2028" : "\\u2029";
      at += 2;
    } else {
      escaped += text[at];
    }
  }
  return escaped;
}

}  // namespace

Result<void> generate(const Generator& rule, const ReadFile& read, const std::string& where,
                      Items& items) {
  ASSIGN_OR_RETURN(const Data data, data_of(rule, read, where + ": " + rule.name));
  Json made = object_of(rule, data);
  const auto found = std::ranges::find_if(items, [&](const Item& item) {
    return kind_of(item.object) == kind_of(made) && group_of(item.object).empty() &&
           item.was_called(rule.name) &&
           (rule.ns.empty() || namespace_of(item.object).empty() ||
            namespace_of(item.object) == rule.ns);
  });
  if (rule.behavior == "create") {
    if (found != items.end() && found->original_name() == rule.name &&
        name_of(found->object) == rule.name) {
      return fail(ErrorCode::kInvalidArgument,
                  "{}: {} '{}' exists already; use behavior: merge or replace", where,
                  kind_of(made), rule.name);
    }
    items.push_back({.object = std::move(made), .hash_wanted = rule.options.hash_wanted});
    return {};
  }
  if (found == items.end()) {
    return fail(ErrorCode::kInvalidArgument, "{}: there is no {} '{}' to {}", where, kind_of(made),
                rule.name, rule.behavior);
  }
  found->object = combined(found->object, made, rule.behavior == "merge");
  found->hash_wanted = found->hash_wanted && rule.options.hash_wanted;
  return {};
}

std::string content_hash(const Json& object) {
  const bool secret = kind_of(object) == "Secret";
  const Json* data = codec::find_key(object, "data");
  const Json* binary = codec::find_key(object, "binaryData");
  Json hashed = Json::object();  // Its keys sorted, as Go writes a map.
  if (!secret && binary != nullptr) hashed["binaryData"] = sorted(*binary);
  hashed["data"] = data == nullptr ? Json("") : sorted(*data);
  hashed["kind"] = kind_of(object);
  hashed["name"] = "";  // Of the content alone.
  if (secret) hashed["type"] = codec::string_or(object, "type", "");
  std::string hash = sha256_hex(go_json(hashed)).substr(0, kHashCharacters);
  for (char& c : hash) {  // No vowels, nothing that looks like another: no words come out.
    static constexpr std::string_view from = "013ae";
    static constexpr std::string_view to = "ghkmt";
    const std::size_t at = from.find(c);
    if (at != std::string_view::npos) c = to[at];
  }
  return hash;
}

}  // namespace rage::kustomize
