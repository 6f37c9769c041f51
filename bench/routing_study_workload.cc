#include "routing_study_workload.h"

#include <string_view>
#include <utility>

namespace rage::bench {
namespace {

constexpr std::size_t kTokenBytes = 4;

// Printable, and different from the first byte on for another seed.
std::string text_of(std::uint64_t seed, std::size_t tokens) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz .,;:-";
  std::mt19937_64 random(seed);
  std::string text(tokens * kTokenBytes, ' ');
  for (char& letter : text) letter = kLetters[random() % kLetters.size()];
  return text;
}

}  // namespace

Workload::Workload(const WorkloadOptions& options, std::uint32_t block_tokens, std::uint64_t seed)
    : options_(options),
      block_tokens_(block_tokens),
      random_(seed),
      known_(std::size_t{options.groups} * options.questions_per_group) {}

std::shared_ptr<const Question> Workload::next() {
  const std::uint64_t group = random_() % options_.groups;
  if (options_.questions_per_group == 0) return make(group, ++new_questions_);
  const std::uint64_t question = random_() % options_.questions_per_group;
  auto& known = known_[group * options_.questions_per_group + question];
  if (!known) known = make(group, question);
  return known;
}

std::shared_ptr<const Question> Workload::make(std::uint64_t group, std::uint64_t question) const {
  auto made = std::make_shared<Question>();
  made->text =
      text_of(simulator::mix(1, group), options_.prefix_tokens) +
      text_of(simulator::mix(2, simulator::mix(group, question)), options_.question_tokens);
  made->prompt = simulator::prompt_of_text(made->text, "model", block_tokens_);
  return made;
}

std::vector<simulator::VirtualTime> Workload::arrivals(const LadderStep& step) {
  std::exponential_distribution<double> gap(step.rate);
  std::vector<simulator::VirtualTime> times;
  for (double at = gap(random_); at < step.seconds; at += gap(random_)) {
    times.push_back(
        std::chrono::duration_cast<simulator::VirtualTime>(std::chrono::duration<double>(at)));
  }
  return times;
}

}  // namespace rage::bench
