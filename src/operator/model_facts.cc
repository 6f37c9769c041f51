#include "operator/model_facts.h"

#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "base/base64.h"
#include "base/mutex.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "models/hub_client.h"
#include "obs/log.h"
#include "operator/certificates.h"
#include "operator/detail/json_path.h"
#include "operator/detail/model_table.h"
#include "operator/serving.h"

namespace rage::op {
namespace {

constexpr std::string_view kTokenKey = "HF_TOKEN";

// The token of the one Secret that is named: read when it is needed, and not kept.
Result<std::string> read_token(const Context& context, kube::KubeClient& client,
                               const apis::ObjectKey& secret) {
  const auto found = client.get(context, apis::builtin_type("Secret"), secret);
  if (!found && found.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kPermissionDenied,
                "modelAccessSecret {} does not exist: create it with the key {}", secret.str(),
                kTokenKey);
  }
  if (!found && found.error().code == ErrorCode::kPermissionDenied) {
    return fail(
        ErrorCode::kPermissionDenied,
        "the operator may not read Secret {}: its role needs \"get\" on it (modelAccessSecrets "
        "of the chart)",
        secret.str());
  }
  if (!found) return fail(Error(found.error()).with_context("reading Secret " + secret.str()));
  const auto token = decode_base64(detail::text_at(*found, {"data", kTokenKey}));
  if (!token || trim(*token).empty()) {
    return fail(ErrorCode::kPermissionDenied, "modelAccessSecret {} has no key {} with a token",
                secret.str(), kTokenKey);
  }
  return std::string(trim(*token));
}

// What the hub's refusal means for whoever wrote the Workspace.
Error explain(Error error, const ModelQuestion& question, const std::string& endpoint) {
  const std::string page = fmt::format("{}/{}", endpoint, question.model);
  const bool refused =
      error.code == ErrorCode::kUnauthenticated || error.code == ErrorCode::kPermissionDenied;
  if (refused && question.secret.name.empty()) {
    error.message = fmt::format(
        "model {} is gated or private, or does not exist: check its name; if it is right, accept "
        "the licence at {} and set presetOptions.modelAccessSecret to a Secret with the key {}",
        question.model, page, kTokenKey);
  } else if (refused) {
    error.message = fmt::format(
        "the token in Secret {} may not read model {}: accept the licence at {} with its account, "
        "or correct the Secret",
        question.secret.str(), question.model, page);
  } else if (error.code == ErrorCode::kNotFound) {
    error.message = fmt::format(
        "model {} (revision {}) was not found at {}: check the preset's "
        "name, and the annotation {} if there is one",
        question.model, question.revision, endpoint, kModelRevision);
  } else if (error.code != ErrorCode::kInvalidArgument) {
    error.code = ErrorCode::kUnavailable;  // Too busy, too slow, nonsense: all of it may pass.
    error.message = fmt::format(
        "model {} is not in the catalogue and cannot be looked up ({}): let the operator reach {}, "
        "or point --hugging-face-endpoint at a mirror",
        question.model, error.message, endpoint);
  }
  return error;
}

Result<HubModel> describe(const Context& context, models::HubClient& hub,
                          const ModelQuestion& question) {
  ASSIGN_OR_RETURN(auto reference, models::parse_model_reference(fmt::format(
                                       "hf://{}@{}", question.model, question.revision)));
  ASSIGN_OR_RETURN(const models::HubListing listing, hub.list_with_sizes(context, reference));
  std::vector<catalog::RepositoryFile> files;
  std::string config_file;
  for (const std::string& file : listing.files) {
    const auto bytes = listing.bytes.find(file);
    files.push_back({.path = file, .bytes = bytes == listing.bytes.end() ? 0 : bytes->second});
    const bool better = file == "config.json" || (file == "params.json" && config_file.empty());
    if (better) config_file = file;
  }
  if (config_file.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "model {} has neither config.json nor params.json: vLLM cannot serve it",
                question.model);
  }
  const std::string repository = models::hub_repository_id(reference);
  ASSIGN_OR_RETURN(const std::string text,
                   hub.read(context, repository, listing.commit, config_file));
  ASSIGN_OR_RETURN(const codec::Json config, catalog::parse_model_config(text));
  // In the case its owner chose: mirrors and caches on disk may care.
  const bool same = equals_ignoring_case(listing.id, repository);
  ASSIGN_OR_RETURN(catalog::Model model,
                   catalog::describe_model(same ? listing.id : repository, config, files));
  return HubModel{.model = std::move(model), .commit = listing.commit};
}

}  // namespace

struct ModelFacts::State {
  State(net::HttpTransport& transport_in, kube::KubeClient& client_in, Clock& clock_in,
        ModelFactsOptions options_in)
      : transport(transport_in),
        client(client_in),
        clock(clock_in),
        options(std::move(options_in)),
        table(options) {}

  ModelAnswer ask(const Context& context, const ModelQuestion& question,
                  const std::string& token) const {
    // Failures are waited out here, in one place: the hub client tries once.
    models::HubClient hub(transport, clock,
                          {.endpoint = options.endpoint, .token = token, .attempts_max = 1});
    auto found = describe(context, hub, question);
    if (found) return found;
    return fail(explain(std::move(found).error(), question, options.endpoint));
  }

  // Who can be answered now.
  std::set<apis::ObjectKey> answer(const Context& outer, const ModelQuestion& question) {
    Context context = outer;
    context.deadline = std::chrono::steady_clock::now() + options.lookup_timeout;
    detail::CredentialId credential;
    std::optional<ModelAnswer> found;
    std::string token;
    if (!question.secret.name.empty()) {
      auto read = read_token(context, client, question.secret);
      if (read) {
        token = *std::move(read);
        credential = sha256_hex(token);
      } else {
        credential = "unread:" + question.secret.str();
        found = fail(std::move(read).error());
      }
    }
    if (!found) {
      MutexLock lock(mutex);
      if (table.has_fresh(question, credential, clock.now())) {
        return table.settle(question, credential, std::nullopt, clock.now());
      }
    }
    if (!found) found = ask(context, question, token);
    // A fact for the log; the status has it as well.
    if (!*found) {
      obs::log().warn("a model cannot be described",
                      {{"model", question.model}, {"reason", found->error().message}});
    }
    MutexLock lock(mutex);
    return table.settle(question, credential, std::move(found), clock.now());
  }

  std::optional<ModelQuestion> wait_for_question(const std::stop_token& stop) {
    MutexLock lock(mutex);
    while (!stop.stop_requested()) {
      if (auto question = table.next()) return question;
      asked.wait(mutex);
    }
    return std::nullopt;
  }

  void run(const std::stop_token& stop, const std::function<void(const apis::ObjectKey&)>& wake) {
    const std::stop_callback waker(stop, [this] {
      MutexLock lock(mutex);
      asked.notify_all();
    });
    while (const auto question = wait_for_question(stop)) {
      for (const apis::ObjectKey& who : answer({.stop = stop}, *question)) wake(who);
    }
  }

  net::HttpTransport& transport;
  kube::KubeClient& client;
  Clock& clock;
  const ModelFactsOptions options;
  Mutex mutex;
  CondVar asked;
  detail::ModelTable table GUARDED_BY(mutex);
  std::jthread thread;  // Last: joined before anything it uses is destroyed.
};

ModelFacts::ModelFacts(net::HttpTransport& transport, kube::KubeClient& client, Clock& clock,
                       ModelFactsOptions options)
    : state_(std::make_unique<State>(transport, client, clock, std::move(options))) {}

ModelFacts::~ModelFacts() {
  stop();
}

void ModelFacts::start(std::function<void(const apis::ObjectKey&)> wake) {
  state_->thread = std::jthread([state = state_.get(), wake = std::move(wake)](
                                    const std::stop_token& stop) { state->run(stop, wake); });
}

void ModelFacts::stop() {
  state_->thread.request_stop();
  if (state_->thread.joinable()) state_->thread.join();
}

ModelAnswer ModelFacts::find(const ModelQuestion& question, const apis::ObjectKey& who) {
  MutexLock lock(state_->mutex);
  ModelAnswer answer = state_->table.find(question, who, state_->clock.now());
  state_->asked.notify_one();
  return answer;
}

bool ModelFacts::answer_one_for_test(const Context& context) {
  std::optional<ModelQuestion> question;
  {
    MutexLock lock(state_->mutex);
    question = state_->table.next();
  }
  if (question) (void)state_->answer(context, *question);
  return question.has_value();
}

std::optional<ModelQuestion> model_question(const apis::Workspace& workspace) {
  const apis::Preset* preset = nullptr;
  if (workspace.inference && workspace.inference->preset) preset = &*workspace.inference->preset;
  if (workspace.tuning && workspace.tuning->preset) preset = &*workspace.tuning->preset;
  if (preset == nullptr || is_packaged_model(preset->name) ||
      catalog::find_model(preset->name) != nullptr || catalog::is_deprecated(preset->name) ||
      !catalog::is_valid_name(preset->name)) {
    return std::nullopt;
  }
  ModelQuestion question{.model = preset->name};
  if (const std::string pinned = workspace.meta.annotation(kModelRevision); !pinned.empty()) {
    question.revision = pinned;
  }
  if (!preset->model_access_secret.empty()) {
    question.secret = {.ns = workspace.meta.ns, .name = preset->model_access_secret};
  }
  return question;
}

}  // namespace rage::op
