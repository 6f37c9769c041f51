// A director over the real scheduler, with endpoints and their metrics set by hand and time that
// stands still.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "kube/manual_clock_for_test.h"
#include "picker/make_director.h"
#include "picker/waiting_for_test.h"
#include "routing/make_scheduler.h"

namespace rage::picker {

struct Load {
  double waiting = 0;
  double kv_usage = 0;
  std::vector<std::string> adapters = {};
};

class DirectorTest : public testing::Test {
 protected:
  // Of pod N: 192.168.1.N+1:8000, as in upstream's hermetic tests.
  std::vector<routing::Endpoint> pods(const std::vector<Load>& loads) {
    std::vector<routing::Endpoint> endpoints;
    for (std::size_t i = 0; i < loads.size(); ++i) {
      endpoints.push_back({.name_space = "default",
                           .pod = "pod-" + std::to_string(i),
                           .address = "192.168.1." + std::to_string(i + 1),
                           .port = 8000,
                           .metrics = {.waiting = loads[i].waiting,
                                       .kv_usage = loads[i].kv_usage,
                                       .adapters_max = 4,
                                       .active_adapters = loads[i].adapters,
                                       .updated_at = clock_.now()}});
    }
    return endpoints;
  }

  void start(std::string_view config_text = "", DirectorOptions* given = nullptr) {
    const auto config = routing::parse_picker_config(config_text);
    ASSERT_TRUE(config) << config.error().message;
    auto options = given != nullptr ? Result<DirectorOptions>(*given) : director_options(*config);
    ASSERT_TRUE(options) << options.error().message;
    options->scrape.enabled = false;
    options->seed = 1;
    options->pool = "pool";
    auto scheduler = routing::make_scheduler(*config, 1);
    ASSERT_TRUE(scheduler) << scheduler.error().message;
    auto source = std::make_unique<PushSource>();
    source_ = source.get();
    auto director = make_director(*std::move(options), *std::move(scheduler), std::move(source),
                                  clock_, registry_);
    ASSERT_TRUE(director) << director.error().message;
    director_ = *std::move(director);
  }
  void have(const std::vector<Load>& loads) { source_->push({.endpoints = pods(loads)}); }

  static PickRequest post(std::string body, net::Headers headers = {},
                          std::string path = "/v1/completions") {
    return {.method = "POST",
            .path = std::move(path),
            .headers = std::move(headers),
            .body = std::make_shared<const std::string>(std::move(body))};
  }
  static std::string prompt_for(std::string_view model) {
    return R"({"model":")" + std::string(model) + R"(","prompt":"test","max_tokens":100})";
  }

  PickOutcome pick(PickRequest request) {
    Collected<PickOutcome> outcomes;
    const auto ticket = director_->pick(
        std::move(request), [&](PickOutcome outcome) { outcomes.add(std::move(outcome)); });
    auto all = outcomes.wait_for(1);
    return all.empty() ? PickOutcome{} : std::move(all.front());
  }
  // The value of one line of /metrics; -1 if there is none.
  double metric(std::string_view series) const {
    const std::string page = registry_.render();
    const std::size_t at = page.find("\n" + std::string(series) + " ");
    return at == std::string::npos ? -1 : std::stod(page.substr(at + series.size() + 2));
  }

  kube::ManualClock clock_;
  obs::MetricRegistry registry_;
  PushSource* source_ = nullptr;
  std::unique_ptr<EndpointPicker> director_;
};

}  // namespace rage::picker
