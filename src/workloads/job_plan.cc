#include "workloads/job_plan.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/strings.h"
#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/pods.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;
using detail::find_path;
using detail::list_at;
using detail::map_at;
using detail::number_at;
using detail::text_at;

constexpr std::chrono::seconds kBackoffMin = 10s;
constexpr std::chrono::seconds kBackoffMax = 360s;
constexpr const char* kIndex = "batch.kubernetes.io/job-completion-index";

struct Verdict {
  const char* type = nullptr;  // "Complete", "Failed"; null: it goes on.
  std::string reason;
  std::string message;
};

// One pass over one job.
class JobPass final {
 public:
  explicit JobPass(const JobObservation& observed)
      : job_(observed.job), meta_(apis::parse_meta(job_)), now_(observed.now) {
    spec_ = map_at(job_, {"spec"});
    status_ = map_at(job_, {"status"});
    conditions_ = list_at(job_, {"status", "conditions"});
    indexed_ = text_at(spec_, {"completionMode"}) == "Indexed";
    if (find_path(spec_, {"completions"}) != nullptr)
      completions_ = number_at(spec_, {"completions"});
    for (Pod& pod : parse_pods(observed.pods)) sort_in(std::move(pod));
    const auto succeeded = static_cast<std::int64_t>(
        indexed_ ? done_.size() : static_cast<std::size_t>(succeeded_pods_));
    succeeded_ = std::max(succeeded, number_at(status_, {"succeeded"}));
    failed_ =
        std::max(static_cast<std::int64_t>(failed_pods_.size()), number_at(status_, {"failed"}));
  }

  Plan run() {
    if (meta_.deleting) return std::move(plan_);
    if (is_finished()) {
      end_pods();
      keep_for_a_while();
      write_status();
      return std::move(plan_);
    }
    const bool suspended = detail::flag_at(spec_, {"suspend"});
    if (suspended) {
      suspend();
    } else {
      if (text_at(status_, {"startTime"}).empty()) status_["startTime"] = render_time(now_);
      resume();
      const Verdict verdict = judge();
      if (verdict.type != nullptr) {
        conclude(verdict);
      } else {
        scale();
      }
    }
    write_status();
    return std::move(plan_);
  }

 private:
  void sort_in(Pod pod) {
    if (pod.phase == "Succeeded") {
      ++succeeded_pods_;
      if (const auto index = index_of(pod)) done_.insert(*index);
    } else if (pod.phase == "Failed") {
      failed_pods_.push_back(std::move(pod));
    } else if (pod.meta.deleting) {
      ++terminating_;
    } else {
      restarts_ += pod.restarts;
      active_.push_back(std::move(pod));
    }
  }

  std::optional<std::int64_t> index_of(const Pod& pod) const {
    const auto index = parse_uint(text_at(pod.document, {"metadata", "annotations", kIndex}));
    if (!indexed_ || !index || *index >= static_cast<std::uint64_t>(completions_.value_or(0))) {
      return std::nullopt;
    }
    return static_cast<std::int64_t>(*index);
  }

  bool is_finished() const {
    return is_condition_true(job_, "Complete") || is_condition_true(job_, "Failed");
  }

  void set(const char* type, bool yes, std::string reason, std::string message) {
    set_condition(
        conditions_,
        {.type = type,
         .status = yes ? "True" : "False",
         .reason = std::move(reason),
         .message = std::move(message),
         .extra = {{"lastProbeTime", text_at(status_, {"startTime"}, render_time(now_))}}},
        now_);
  }

  void suspend() {
    end_pods();
    status_.erase("startTime");
    set("Suspended", true, "JobSuspended", "Job suspended");
  }
  void resume() {
    if (find_condition(conditions_, "Suspended") != nullptr) {
      set("Suspended", false, "JobResumed", "Job resumed");
    }
  }

  Verdict judge() {
    const std::int64_t limit = number_at(spec_, {"backoffLimit"}, 6);
    // Containers that are started again in their pod count, too.
    if (failed_ + restarts_ > limit) {
      return {.type = "Failed",
              .reason = "BackoffLimitExceeded",
              .message = "Job has reached the specified backoff limit"};
    }
    const auto started = parse_time(text_at(status_, {"startTime"}));
    if (find_path(spec_, {"activeDeadlineSeconds"}) != nullptr && started) {
      const auto until =
          *started + std::chrono::seconds(number_at(spec_, {"activeDeadlineSeconds"}));
      if (until <= now_) {
        return {.type = "Failed",
                .reason = "DeadlineExceeded",
                .message = "Job was active longer than specified deadline"};
      }
      plan_.look_again(std::chrono::ceil<std::chrono::milliseconds>(until - now_));
    }
    const bool enough = completions_ ? succeeded_ >= *completions_
                                     : succeeded_ > 0 && active_.empty() && terminating_ == 0;
    if (!enough) return {};
    return {.type = "Complete",
            .reason = "CompletionsReached",
            .message = "Reached expected number of succeeded pods"};
  }

  void conclude(const Verdict& verdict) {
    end_pods();
    const bool complete = std::string_view(verdict.type) == "Complete";
    set(complete ? "SuccessCriteriaMet" : "FailureTarget", true, verdict.reason, verdict.message);
    set(verdict.type, true, verdict.reason, verdict.message);
    if (complete) {
      status_["completionTime"] = render_time(now_);
      plan_.tell("Completed", "Job completed");
    } else {
      plan_.warn(verdict.reason, verdict.message);
    }
    keep_for_a_while();
  }

  // ttlSecondsAfterFinished
  void keep_for_a_while() {
    if (find_path(spec_, {"ttlSecondsAfterFinished"}) == nullptr) return;
    WallTime finished = now_;
    for (const char* type : {"Complete", "Failed"}) {
      const Json* condition = find_condition(conditions_, type);
      if (condition == nullptr) continue;
      finished = parse_time(codec::string_or(*condition, "lastTransitionTime", "")).value_or(now_);
    }
    const auto until =
        finished + std::chrono::seconds(number_at(spec_, {"ttlSecondsAfterFinished"}));
    if (until > now_) {
      plan_.look_again(std::chrono::ceil<std::chrono::milliseconds>(until - now_));
    } else if (is_finished()) {  // As it is stored: others have been able to read the end.
      plan_.changes.emplace_back(DeleteObject{kinds().job, meta_.key(), meta_.uid});
    } else {
      plan_.look_again(1s);
    }
  }

  void end_pods() {
    for (const Pod& pod : active_) {
      plan_.changes.emplace_back(DeleteObject{kinds().pod, pod.meta.key(), pod.meta.uid});
    }
    terminating_ += static_cast<std::int64_t>(active_.size());
    active_.clear();
  }

  std::int64_t wanted_active() const {
    const std::int64_t parallelism = number_at(spec_, {"parallelism"}, 1);
    if (completions_) return std::min(parallelism, *completions_ - succeeded_);
    if (succeeded_ > 0) return static_cast<std::int64_t>(active_.size());  // The queue is empty.
    return parallelism;
  }

  void scale() {
    const auto have = static_cast<std::int64_t>(active_.size());
    const std::int64_t wanted = std::max<std::int64_t>(0, wanted_active());
    if (have > wanted) {
      sort_for_deletion(active_);
      for (std::int64_t i = 0; i < have - wanted; ++i) {
        const ObjectMeta& pod = active_[static_cast<std::size_t>(i)].meta;
        plan_.changes.emplace_back(DeleteObject{kinds().pod, pod.key(), pod.uid});
      }
      active_.erase(active_.begin(), active_.begin() + (have - wanted));
      return;
    }
    // Those that end are not replaced before they have: they might still succeed.
    const std::int64_t missing = std::min<std::int64_t>(wanted - have - terminating_, kChangesMax);
    if (missing <= 0) return;
    const auto wait = backoff_left();
    if (wait > 0ms) return plan_.look_again(wait);
    std::set<std::int64_t> taken = done_;
    for (const Pod& pod : active_) {
      if (const auto index = index_of(pod)) taken.insert(*index);
    }
    std::int64_t index = 0;
    for (std::int64_t i = 0; i < missing; ++i) {
      while (taken.contains(index)) ++index;
      create(index++);
    }
    plan_.tell("SuccessfulCreate", fmt::format("Created {} pods", missing));
  }

  std::chrono::milliseconds backoff_left() const {
    if (failed_pods_.empty()) return 0ms;
    WallTime last{};
    for (const Pod& pod : failed_pods_) last = std::max(last, finished_at(pod));
    const auto shift = std::min<std::size_t>(failed_pods_.size() - 1, 6);
    const auto wait = std::min<std::chrono::seconds>(kBackoffMax, kBackoffMin * (1 << shift));
    return std::chrono::ceil<std::chrono::milliseconds>(last + wait - now_);
  }

  void create(std::int64_t index) {
    Json pod = pod_of_template(map_at(spec_, {"template"}), kinds().job, meta_);
    Json& metadata = pod["metadata"];
    metadata["labels"]["job-name"] = meta_.name;
    metadata["labels"]["batch.kubernetes.io/job-name"] = meta_.name;
    metadata["labels"]["controller-uid"] = meta_.uid;
    metadata["labels"]["batch.kubernetes.io/controller-uid"] = meta_.uid;
    metadata["generateName"] = meta_.name + "-";
    if (indexed_) give_index(pod, std::to_string(index));
    plan_.changes.emplace_back(CreateObject{kinds().pod, std::move(pod)});
  }

  void give_index(Json& pod, const std::string& index) const {
    Json& metadata = pod["metadata"];
    metadata["generateName"] = fmt::format("{}-{}-", meta_.name, index);
    metadata["annotations"][kIndex] = index;
    metadata["labels"][kIndex] = index;
    Json& spec = pod["spec"];
    spec["hostname"] = fmt::format("{}-{}", meta_.name, index);
    for (const char* list : {"initContainers", "containers"}) {
      if (!spec.contains(list)) continue;
      for (Json& container : spec[list]) {
        container["env"].push_back({{"name", "JOB_COMPLETION_INDEX"}, {"value", index}});
      }
    }
  }

  // "0-2,5"
  std::string done_indexes() const {
    std::string text;
    for (auto it = done_.begin(); it != done_.end();) {
      const std::int64_t first = *it;
      std::int64_t last = first;
      while (++it != done_.end() && *it == last + 1) ++last;
      if (!text.empty()) text += ",";
      text += first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
    }
    return text;
  }

  void write_status() {
    const auto count = [&](const char* key, std::int64_t value) {
      if (value > 0) {
        status_[key] = value;
      } else {
        status_.erase(key);
      }
    };
    count("active", static_cast<std::int64_t>(active_.size()));
    count("succeeded", succeeded_);
    count("failed", failed_);
    status_["ready"] = std::ranges::count_if(active_, &Pod::ready);
    status_["terminating"] = terminating_;
    if (indexed_ && !done_.empty()) status_["completedIndexes"] = done_indexes();
    status_["uncountedTerminatedPods"] = Json::object();
    if (!conditions_.empty()) status_["conditions"] = conditions_;
    plan_.status = std::move(status_);
  }

  const Json& job_;
  const ObjectMeta meta_;
  const WallTime now_;
  Json spec_;
  Json status_;
  Json conditions_;
  bool indexed_ = false;
  std::optional<std::int64_t> completions_;  // None: a work queue.
  std::vector<Pod> active_;
  std::vector<Pod> failed_pods_;
  std::set<std::int64_t> done_;  // Indexes.
  std::int64_t succeeded_pods_ = 0;
  std::int64_t succeeded_ = 0;
  std::int64_t failed_ = 0;
  std::int64_t restarts_ = 0;
  std::int64_t terminating_ = 0;
  Plan plan_;
};

}  // namespace

Plan plan_job(const JobObservation& observed) {
  return JobPass(observed).run();
}

}  // namespace rage::workloads
