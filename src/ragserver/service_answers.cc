// What the service says of itself: health, metrics, the guardrails policy in force, an index's
// settings, and why an answer says what it says.
#include "ragserver/responses.h"
#include "ragserver/service.h"
#include "ragserver/validation.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using net::HttpResponse;

HttpResponse render_settings(const rag::Collection& collection) {
  const auto mode = collection.grounding_mode();
  const Json settings = {
      {"grounding_mode", mode ? Json(rag::grounding_mode_name(*mode)) : Json(nullptr)}};
  return HttpResponse::json(200, codec::render_json(settings));
}

constexpr std::string_view kNoAnswers =
    "This service keeps no answers. Start it with --answers-kept to explain them.";

}  // namespace

HttpResponse RagService::read_settings(const std::string& name) {
  const auto collection = collections_.find(name);
  if (!collection) return render_error(collection.error());
  return render_settings(**collection);
}

HttpResponse RagService::write_settings(const Call& call, const std::string& name) {
  ValidationErrors errors;
  const auto body = read_json_object(call.request, errors);
  if (!body) return errors.response();
  const auto collection = collections_.find(name);
  if (!collection) return render_error(collection.error());
  for (const auto& [key, value] : body->items()) {
    if (key != "grounding_mode")
      return render_error(400, "There is no setting '" + key + "'; there is grounding_mode.");
  }
  const Json* value = codec::find_key(*body, "grounding_mode");
  if (value == nullptr) return render_error(400, "grounding_mode is missing.");
  std::optional<rag::GroundingMode> mode;
  if (!value->is_null()) {
    mode = value->is_string() ? rag::parse_grounding_mode(value->get_ref<const std::string&>())
                              : std::nullopt;
    if (!mode) return render_error(400, "grounding_mode must be strict, assist, off or null.");
  }
  const Result<void> written = (*collection)->set_grounding_mode(mode);
  if (!written) return render_error(written.error());
  return render_settings(**collection);
}

HttpResponse RagService::list_answers() {
  if (!chat_.log().enabled()) return render_error(404, kNoAnswers);
  return HttpResponse::json(200, codec::render_json(chat_.log().list()));
}

HttpResponse RagService::explain_answer(const std::string& id) {
  if (!chat_.log().enabled()) return render_error(404, kNoAnswers);
  const auto trace = chat_.log().find(id);
  if (!trace) {
    return render_error(404,
                        "No such answer: it was never given, or so long ago that it is no "
                        "longer kept.");
  }
  return HttpResponse::json(200, *trace);
}

// A policy that cannot be used is worth a look, not a restart: the last good one is in force.
HttpResponse RagService::health() const {
  const std::string problem =
      options_.guardrails == nullptr ? std::string() : options_.guardrails->problem();
  Json detail = nullptr;
  if (!problem.empty()) {
    detail = "The guardrails policy cannot be used, the last good one is in force: " + problem;
  }
  return HttpResponse::json(
      200, codec::render_json({{"status", "Healthy"}, {"detail", std::move(detail)}}));
}

HttpResponse RagService::describe_guardrails() const {
  const Json described =
      options_.guardrails == nullptr ? Json{{"enabled", false}} : options_.guardrails->describe();
  return HttpResponse::json(200, codec::render_json(described));
}

std::string RagService::render_metrics() const {
  std::string text = metrics_.render() + collections_.render_metrics();
  if (options_.embeddings != nullptr) text += options_.embeddings->render_metrics();
  if (options_.guardrails != nullptr) text += options_.guardrails->render_metrics();
  if (options_.process_metrics != nullptr) text += options_.process_metrics->render();
  return text;
}

}  // namespace rage::ragserver
