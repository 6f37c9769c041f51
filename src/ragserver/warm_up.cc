#include "ragserver/warm_up.h"

#include <utility>

#include "ragserver/responses.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using net::HttpResponse;

HttpResponse not_yet(const net::HttpRequest& request, const std::string& stage, Json stages) {
  const std::string detail = "The service is starting: " + stage;
  Json body = {{"detail", detail}};
  if (request.path == "/health") body = {{"status", "Starting"}, {"detail", detail}};
  if (request.path == "/readyz") {
    body = {{"status", "Starting"}, {"detail", detail}, {"stages", std::move(stages)}};
  }
  HttpResponse response = HttpResponse::json(503, codec::render_json(body));
  response.headers.set("retry-after", "1");
  return response;
}

}  // namespace

void WarmUp::end_last(std::vector<Stage>& stages, SteadyTime now) {
  if (stages.empty() || stages.back().done) return;
  stages.back().took = now - stages.back().began;
  stages.back().done = true;
}

void WarmUp::begin(std::string_view stage) {
  const SteadyTime now = clock_.now();
  stages_.with([&](auto& stages) {
    end_last(stages, now);
    stages.push_back({.name = std::string(stage), .began = now});
  });
}

void WarmUp::finish(net::HttpHandler service) {
  const SteadyTime now = clock_.now();
  stages_.with([&](auto& stages) { end_last(stages, now); });
  service_ = std::move(service);
  finished_.store(true, std::memory_order_release);
}

Json WarmUp::stages() const {
  const SteadyTime now = clock_.now();
  return stages_.with([&](const auto& stages) {
    Json list = Json::array();
    for (const Stage& stage : stages) {
      const std::chrono::duration<double> took = stage.done ? stage.took : now - stage.began;
      list.push_back({{"stage", stage.name},
                      {"state", stage.done ? "done" : "running"},
                      {"seconds", took.count()}});
    }
    return list;
  });
}

void WarmUp::handle(const Context& context, const net::HttpRequest& request,
                    net::ResponseWriter& writer) {
  if (finished_.load(std::memory_order_acquire)) return service_(context, request, writer);
  const std::string stage = stages_.with([](const auto& stages) {
    return stages.empty() ? std::string("nothing is loaded yet") : stages.back().name;
  });
  (void)writer.send(not_yet(request, stage, stages()));
}

}  // namespace rage::ragserver
