#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "operator/detail/model_table.h"

namespace rage::op::detail {
namespace {

constexpr int kDoublingsMax = 16;
// Somebody who waits is woken; this is for the case that nobody is left who could.
constexpr std::chrono::milliseconds kAskAgain{60'000};

bool has_secret(const ModelQuestion& question) {
  return !question.secret.name.empty();
}

}  // namespace

ModelTable::Key ModelTable::key_of(const ModelQuestion& question, const CredentialId& credential) {
  return {to_lower_ascii(question.model), question.revision, credential};
}

const ModelTable::Credential* ModelTable::credential_of(const ModelQuestion& question) const {
  static const Credential kNone{.id = "", .expires = SteadyTime::max()};
  if (!has_secret(question)) return &kNone;
  const auto found = credentials_.find(question.secret);
  return found == credentials_.end() ? nullptr : &found->second;
}

ModelAnswer ModelTable::find(const ModelQuestion& question, const apis::ObjectKey& who,
                             SteadyTime now) {
  const Credential* credential = credential_of(question);
  const Entry* entry = nullptr;
  if (credential != nullptr) {
    const auto found = entries_.find(key_of(question, credential->id));
    if (found != entries_.end()) entry = &found->second;
  }
  const bool fresh = entry != nullptr && now < entry->expires && now < credential->expires;
  if (!fresh) {
    auto waiting = waiting_.find(question);
    if (waiting == waiting_.end() && queue_.size() < options_.queue_max) {
      queue_.push_back(question);
      waiting = waiting_.try_emplace(question).first;
    }
    if (waiting != waiting_.end()) waiting->second.insert(who);
  }
  if (entry == nullptr) {
    return fail(Error{.code = ErrorCode::kUnavailable,
                      .message = fmt::format("model {} is being looked up at {}", question.model,
                                             options_.endpoint),
                      .retry_after = kAskAgain});
  }
  // Yesterday's answer will do until today's is here.
  if (entry->answer) return entry->answer;
  Error error = entry->answer.error();
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(entry->expires - now);
  error.retry_after = fresh ? std::max(rest, std::chrono::milliseconds(1000)) : kAskAgain;
  return fail(std::move(error));
}

std::optional<ModelQuestion> ModelTable::next() {
  if (queue_.empty()) return std::nullopt;
  ModelQuestion question = std::move(queue_.front());
  queue_.pop_front();
  return question;
}

bool ModelTable::has_fresh(const ModelQuestion& question, const CredentialId& credential,
                           SteadyTime now) const {
  const auto found = entries_.find(key_of(question, credential));
  return found != entries_.end() && now < found->second.expires;
}

std::set<apis::ObjectKey> ModelTable::settle(const ModelQuestion& question,
                                             const CredentialId& credential,
                                             std::optional<ModelAnswer> answer, SteadyTime now) {
  if (has_secret(question)) {
    credentials_[question.secret] = {.id = credential, .expires = now + options_.keep_token};
  }
  if (answer) {
    if (*answer && (*answer)->commit != question.revision) {
      // Whoever pins what was found asks for it by its commit next.
      ModelQuestion pinned = question;
      pinned.revision = (*answer)->commit;
      keep(key_of(pinned, credential), *answer, now);
    }
    keep(key_of(question, credential), *std::move(answer), now);
  }
  make_room();
  auto waiting = waiting_.extract(question);
  return waiting.empty() ? std::set<apis::ObjectKey>{} : std::move(waiting.mapped());
}

void ModelTable::keep(const Key& key, ModelAnswer answer, SteadyTime now) {
  const auto [entry, added] =
      entries_.try_emplace(key, Entry{.answer = fail(ErrorCode::kUnavailable, ""), .expires = now});
  Entry& kept = entry->second;
  if (answer) {
    kept = {.answer = std::move(answer), .expires = now + options_.keep};
    return;
  }
  const auto wait = std::min(options_.retry_max,
                             options_.retry_first * (1 << std::min(kept.failures, kDoublingsMax)));
  kept.expires = now + wait;
  ++kept.failures;
  // A hub that is away, or busy, takes back nothing it said before.
  const ErrorCode code = answer.error().code;
  const bool away = code != ErrorCode::kNotFound && code != ErrorCode::kUnauthenticated &&
                    code != ErrorCode::kPermissionDenied && code != ErrorCode::kInvalidArgument;
  if (!kept.answer || !away) kept.answer = std::move(answer);
}

void ModelTable::make_room() {
  while (entries_.size() > options_.answers_max) {
    entries_.erase(std::ranges::min_element(
        entries_, {}, [](const auto& entry) { return entry.second.expires; }));
  }
  while (credentials_.size() > options_.answers_max) {
    credentials_.erase(std::ranges::min_element(
        credentials_, {}, [](const auto& entry) { return entry.second.expires; }));
  }
}

}  // namespace rage::op::detail
