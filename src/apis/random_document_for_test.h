// Documents of our kinds made from the schema itself, for properties that must hold for all of
// them: whatever a field is, sooner or later it is there, absent, empty and odd.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apis/schema.h"
#include "base/check.h"

namespace rage::apis {

// Value. The same seed makes the same documents on every machine: no library distribution is used.
class RandomDocuments final {
 public:
  explicit RandomDocuments(std::uint64_t seed) : random_(seed) {}

  // Valid for the schema, but for its CEL rules and patterns.
  Json document(std::string_view kind, std::string_view version) {
    const Schema* schema = find_schema(kind, version);
    CHECK(schema != nullptr);
    Json json = value(schema->json());
    json["apiVersion"] = "kaito.sh/" + std::string(version);
    json["kind"] = kind;
    Json metadata = Json::object();
    metadata["name"] = "a-name";
    if (chance(2)) metadata["labels"]["app"] = word();
    if (chance(2)) metadata["annotations"][word()] = word();
    json["metadata"] = std::move(metadata);
    return json;
  }

  // A small change somewhere in `json`: for inputs that are almost right.
  void damage(Json& json) {
    if (json.is_structured() && !json.empty() && !chance(4)) {
      auto it = json.begin();
      std::advance(it, static_cast<std::ptrdiff_t>(below(json.size())));
      damage(*it);
      return;
    }
    const std::uint64_t kind = below(6);
    if (kind == 0) json = nullptr;
    if (kind == 1) json = below(1'000'000'000'000) * 1000;
    if (kind == 2) json = word();
    if (kind == 3) json = Json::array({word(), nullptr});
    if (kind == 4) json = Json::object();
    if (kind == 5) json = -0.5;
  }

  bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

 private:
  Json value(const Json& schema) {
    if (const Json* values = codec::find_key(schema, "enum"))
      return (*values)[below(values->size())];
    if (schema.contains("x-kubernetes-int-or-string")) {
      return chance(2) ? Json(below(5)) : Json(std::to_string(below(100)) + "%");
    }
    const std::string type = codec::string_or(schema, "type", "");
    if (type == "integer") return Json(below(4));
    if (type == "boolean") return Json(chance(2));
    if (type == "array") return list(schema);
    if (type == "object") return object(schema);
    if (schema.contains("default") && chance(2)) return schema["default"];
    return Json(word());
  }

  Json list(const Json& schema) {
    const auto least = static_cast<std::uint64_t>(codec::number_or(schema, "minItems", 0));
    Json json = Json::array();
    for (std::uint64_t n = least + below(3); n > 0; --n) json.push_back(value(schema["items"]));
    return json;
  }

  Json object(const Json& schema) {
    Json json = Json::object();
    if (const Json* values = codec::find_key(schema, "additionalProperties")) {
      for (std::uint64_t n = below(3); n > 0; --n) json[word()] = value(*values);
    }
    if (schema.contains("x-kubernetes-preserve-unknown-fields")) json[word()] = word();
    const Json* properties = codec::find_key(schema, "properties");
    if (properties == nullptr) return json;
    const Json* required = codec::find_key(schema, "required");
    for (const auto& [key, field] : properties->items()) {
      const bool must = required != nullptr && std::ranges::count(*required, Json(key)) > 0;
      if (must || chance(2)) json[key] = value(field);
    }
    return json;
  }

  std::string word() {
    static const std::vector<std::string> words = {"",
                                                   "a",
                                                   "my-name",
                                                   "A b",
                                                   "Standard_NC24ads_A100_v4",
                                                   "\u00e9\u2028",
                                                   "<&>",
                                                   "10Gi",
                                                   "4h",
                                                   "0 2 * * 6",
                                                   "a.b/c",
                                                   "http://x",
                                                   "x\"y\\z\n",
                                                   "kaito.sh/runtime",
                                                   "reg.io/repo:tag"};
    return words[below(words.size())];
  }

  std::mt19937_64 random_;
};

}  // namespace rage::apis
