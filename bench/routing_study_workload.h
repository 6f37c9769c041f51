// The requests of a routing study: groups that share a long prefix, arriving as a Poisson process
// whose rate climbs a ladder.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "simulator/engine.h"
#include "simulator/prompt.h"

namespace rage::bench {

// Value.
struct WorkloadOptions {
  std::uint32_t groups = 150;
  std::uint32_t questions_per_group = 5;  // 0: every question is new.
  std::uint32_t prefix_tokens = 6'000;
  std::uint32_t question_tokens = 1'200;
  std::uint32_t output_tokens = 1'000;
};

struct LadderStep {
  double rate = 0;  // Requests a second.
  double seconds = 0;
};

// What is asked once: the text a router sees and the blocks an engine sees.
struct Question {
  std::string text;
  simulator::Prompt prompt;
};

// Resource. One thread. Deterministic for a seed.
class Workload final {
 public:
  Workload(const WorkloadOptions& options, std::uint32_t block_tokens, std::uint64_t seed);

  std::shared_ptr<const Question> next();
  // Times of arrival since the step began, ascending.
  std::vector<simulator::VirtualTime> arrivals(const LadderStep& step);
  const WorkloadOptions& options() const { return options_; }

 private:
  std::shared_ptr<const Question> make(std::uint64_t group, std::uint64_t question) const;

  const WorkloadOptions options_;
  const std::uint32_t block_tokens_;
  std::mt19937_64 random_;
  std::uint64_t new_questions_ = 0;
  std::vector<std::shared_ptr<const Question>> known_;  // By group and question, made when asked.
};

}  // namespace rage::bench
