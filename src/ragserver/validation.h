// Reads request bodies and query strings with the lax coercions and the error bodies of KAITO's
// service (FastAPI and pydantic 2): {"detail":[{"type","loc","msg","input","ctx"?}]} with status
// 422.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"
#include "codec/uri.h"
#include "net/http.h"

namespace rage::ragserver {

// Value. Collects every error before anything is answered.
class ValidationErrors final {
 public:
  void add(std::string_view type, codec::Json loc, std::string_view message, codec::Json input,
           codec::Json ctx = nullptr);
  bool empty() const { return details_.empty(); }
  net::HttpResponse response() const;  // 422

 private:
  codec::Json details_ = codec::Json::array();
};

// Where a value stands: ["body", "documents", 0, "text"].
codec::Json location(std::initializer_list<codec::Json> parts);

struct IntegerBounds {
  std::int64_t min = INT64_MIN;
  std::int64_t max = INT64_MAX;
};

// What the original calls a body that is no object: a model with named fields, or any object.
enum class BodyKind { kModel, kDictionary };

// The body as a JSON object; none after adding the error. An absent content type counts as JSON.
std::optional<codec::Json> read_json_object(const net::HttpRequest& request,
                                            ValidationErrors& errors,
                                            BodyKind kind = BodyKind::kModel);

// Members of `object` at `loc` (an array of loc parts). Absent, null or mistyped: adds the error
// where the member is required or of a wrong type, and returns none.
std::optional<std::string> read_string(const codec::Json& object, const codec::Json& loc,
                                       std::string_view key, ValidationErrors& errors);
std::optional<std::string> read_optional_string(const codec::Json& object, const codec::Json& loc,
                                                std::string_view key, std::string_view fallback,
                                                ValidationErrors& errors);
std::optional<std::int64_t> read_integer(const codec::Json& object, const codec::Json& loc,
                                         std::string_view key, std::int64_t fallback,
                                         IntegerBounds bounds, ValidationErrors& errors);
// true, 1, 1.0, and the words that read_query_bool() takes.
std::optional<bool> read_bool(const codec::Json& object, const codec::Json& loc,
                              std::string_view key, bool fallback, ValidationErrors& errors);
// An object or null; `fallback` if absent.
std::optional<codec::Json> read_object(const codec::Json& object, const codec::Json& loc,
                                       std::string_view key, codec::Json fallback,
                                       ValidationErrors& errors);
const codec::Json* read_array(const codec::Json& object, const codec::Json& loc,
                              std::string_view key, ValidationErrors& errors);

std::optional<std::int64_t> read_query_integer(const codec::QueryParameters& query,
                                               std::string_view key, std::int64_t fallback,
                                               IntegerBounds bounds, ValidationErrors& errors);
// true, false, 1, 0, yes, no, on, off, t, f, y, n in any case.
std::optional<bool> read_query_bool(const codec::QueryParameters& query, std::string_view key,
                                    bool fallback, ValidationErrors& errors);

}  // namespace rage::ragserver
