// Routes of whole indexes.
#include "codec/uri.h"
#include "ragserver/responses.h"
#include "ragserver/service.h"
#include "ragserver/validation.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using net::HttpResponse;

// As KAITO words it, but for what has a status of its own.
HttpResponse render_failure(Error error, std::string_view what) {
  if (error.code == ErrorCode::kNotFound || error.code == ErrorCode::kAlreadyExists) {
    return render_error(error);
  }
  return render_error(std::move(error).with_context(what));
}

}  // namespace

HttpResponse RagService::list_indexes() {
  const auto found = collections_.names();
  if (!found) return render_error(found.error());
  Json names = Json::array();
  for (const std::string& name : *found) names.push_back(name);
  return json_ok(names);
}

HttpResponse RagService::delete_index(const std::string& name) {
  const Result<void> removed = collections_.remove(name);
  if (!removed) return render_error(removed.error());
  return json_ok({{"message", fmt::format("Successfully deleted index {}.", name)}});
}

HttpResponse RagService::persist_index(const Call& call, const std::string& name) {
  const auto query = codec::parse_query(call.request.query);
  const auto path = codec::find_parameter(query, "path");
  const auto place = collections_.persist(name, path.value_or(""));
  if (!place) return render_failure(place.error(), "Persistence failed");
  return json_ok(
      {{"message", fmt::format("Successfully persisted index {} to {}.", name, *place)}});
}

HttpResponse RagService::load_index(const Call& call, const std::string& name) {
  ValidationErrors errors;
  const auto query = codec::parse_query(call.request.query);
  const auto path = codec::find_parameter(query, "path");
  const auto overwrite = read_query_bool(query, "overwrite", false, errors);
  if (!errors.empty()) return errors.response();
  const auto place = collections_.load_persisted(call.context, name, path.value_or(""), *overwrite);
  if (!place) return render_failure(place.error(), "Loading failed");
  return json_ok({{"message", fmt::format("Successfully loaded index {} from {}.", name, *place)}});
}

}  // namespace rage::ragserver
