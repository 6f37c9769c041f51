#include "node/images.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "node/detail/shell_words.h"

namespace rage::node {
namespace {

using Words = std::vector<std::string>;

constexpr std::uint16_t kModelPort = 5000;  // KAITO's servers listen there unless told otherwise.

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_shell(std::string_view program) {
  const std::string_view name = base_name(program);
  return name == "sh" || name == "bash" || name == "dash" || name == "ash";
}

Words command_line(const ContainerRequest& request) {
  Words words = request.command;
  words.insert(words.end(), request.args.begin(), request.args.end());
  return words;
}

// "/bin/sh -c SCRIPT": the script.
std::optional<std::string> script_of(const Words& words) {
  if (words.size() < 3 || !is_shell(words[0])) return std::nullopt;
  const std::string& flags = words[1];
  const bool runs_text = flags.size() >= 2 && flags[0] == '-' && flags.ends_with('c');
  return runs_text ? std::optional(words[2]) : std::nullopt;
}

// "--port=5001" or "--port 5001"; '-' and '_' are one, as for Python's servers.
std::string flag_of(const Words& words, std::string_view name) {
  const auto same = [](char a, char b) { return a == b || (a == '-' && b == '_'); };
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (!word.starts_with("--")) continue;
    word.remove_prefix(2);
    const std::string_view key = word.substr(0, word.find('='));
    if (!std::ranges::equal(name, key, same)) continue;
    if (key.size() < word.size()) return std::string(word.substr(key.size() + 1));
    if (i + 1 < words.size()) return words[i + 1];
  }
  return {};
}

std::uint16_t port_of(const std::string& text, std::uint16_t fallback) {
  const auto number = parse_uint(text);
  return number && *number > 0 && *number <= 65535 ? static_cast<std::uint16_t>(*number) : fallback;
}

bool has(const ImageTable& table, const std::string& program) {
  return table.has_program && table.has_program(program);
}

ProcessPlan plan_of(const ContainerRequest& request, Words argv) {
  return {.argv = std::move(argv),
          .environment = request.environment,
          .working_directory = request.working_directory};
}

bool is_on_a_mount(const ContainerRequest& request, std::string_view path) {
  return std::ranges::any_of(request.mounts, [&](const Mount& mount) {
    return path == mount.host_path || path.starts_with(mount.host_path + "/");
  });
}

// What programs of ours expect around them: this machine's models, and a way to the API server.
ProcessPlan our_plan(const ContainerRequest& request, const ImageTable& table, Words arguments) {
  arguments.insert(arguments.begin(), table.rage);
  ProcessPlan plan = plan_of(request, std::move(arguments));
  if (!is_on_a_mount(request, value_of(plan.environment, "RAGE_CACHE_DIR"))) {
    set_value(plan.environment, "RAGE_CACHE_DIR", table.cache_directory);
  }
  set_value(plan.environment, "RAGE_PACKAGED_DIR", table.packaged_directory);
  if (!table.kubeconfig.empty() && value_of(plan.environment, "KUBECONFIG").empty()) {
    set_value(plan.environment, "KUBECONFIG", table.kubeconfig);
  }
  return plan;
}

std::string hub_id(std::string_view reference) {
  if (reference.starts_with("hf://")) reference.remove_prefix(5);
  return std::string(reference.substr(0, reference.find('@')));
}

// Needs no stand-in: it is here.
bool is_local_reference(const ImageTable& table, const std::string& reference) {
  return reference.starts_with("packaged:") || reference.starts_with("file:") ||
         reference.starts_with('/') || reference == "hashing" ||
         (table.is_cached && table.is_cached(reference));
}

// A file of the folder of models is what was asked for; what the user's table says need not be.
std::string substitution_text(const ImageTable& table, const std::string& wanted,
                              const std::string& used) {
  const bool is_here = std::ranges::any_of(
      table.local_models, [&](const auto& model) { return used == "file:" + model.second; });
  return is_here ? std::string() : fmt::format("{} -> {}", wanted, used);
}

// A model server says by itself what it stands in for: whoever asks it for its models is told.
void state_stand_in(const ImageTable& table, ProcessPlan& plan, const std::string& wanted,
                    const std::string& used) {
  plan.substitution = substitution_text(table, wanted, used);
  if (plan.substitution.empty()) return;
  plan.argv.emplace_back("--stands-in-for");
  plan.argv.push_back(wanted);
}

void substitute_served_model(const ImageTable& table, ProcessPlan& plan) {
  Words& argv = plan.argv;
  if (argv.size() < 4 || argv[1] != "model" || argv[2] != "serve") return;
  const std::string alias = flag_of(argv, "alias");
  const bool chosen = table.substitutes.contains(to_lower_ascii(alias));  // Whatever it has.
  if (argv[3].starts_with('-') || (is_local_reference(table, argv[3]) && !chosen)) return;
  const std::string wanted = hub_id(argv[3]);
  const std::string used = choose_model(table, {alias, wanted}, table.chat_model);
  if (used == argv[3]) return;
  argv[3] = used;
  state_stand_in(table, plan, wanted, used);
}

void substitute_embedder(const ImageTable& table, ProcessPlan& plan) {
  constexpr std::string_view kVariable = "LOCAL_EMBEDDING_MODEL_ID";
  if (plan.argv.size() < 2 || plan.argv[1] != "rag") return;
  const std::string wanted = value_of(plan.environment, kVariable);
  if (wanted.empty() || is_local_reference(table, wanted)) return;
  const std::string used = choose_model(table, {hub_id(wanted)}, table.embedding_model);
  set_value(plan.environment, kVariable, used);
  plan.substitution = substitution_text(table, hub_id(wanted), used);
}

Result<ProcessPlan> plan_ours(const ContainerRequest& request, const ImageTable& table) {
  Words words = command_line(request);
  if (!request.command.empty() && base_name(words[0]) == "rage") words.erase(words.begin());
  if (words.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "the container has the image {} and no args: say which command of rage it is to "
                "run, as in args: [rag, --port, \"5000\"]",
                request.image);
  }
  ProcessPlan plan = our_plan(request, table, std::move(words));
  substitute_served_model(table, plan);
  substitute_embedder(table, plan);
  return plan;
}

// The command of a script that starts KAITO's model server; empty: there is none.
Words model_server_of(const Words& words) {
  const auto serves = [](const Words& command) {
    return std::ranges::any_of(
        command, [](const std::string& word) { return base_name(word) == "inference_api.py"; });
  };
  if (const auto script = script_of(words)) {
    const auto commands = detail::shell_commands(*script);
    const auto found = std::ranges::find_if(commands, serves);
    return found == commands.end() ? Words() : *found;
  }
  return serves(words) ? words : Words();
}

// A server over several nodes is one server here: the first pod's. The others wait beside it.
bool is_follower(const ContainerRequest& request, const Words& words) {
  const auto script = script_of(words);
  if (!script || script->find("${POD_INDEX}") == std::string::npos) return false;
  const std::string index = value_of(request.environment, "POD_INDEX");
  return !index.empty() && index != "0";
}

ProcessPlan plan_model_server(const ContainerRequest& request, const ImageTable& table,
                              const Words& server) {
  std::string model = flag_of(server, "model");
  if (model.empty()) model = flag_of(server, "pretrained-model-name-or-path");
  std::string served = flag_of(server, "served-model-name");
  if (served.empty()) served = model.empty() ? "model" : model;
  const std::uint16_t first = request.ports.empty() ? kModelPort : request.ports.front();
  const std::uint16_t port = port_of(flag_of(server, "port"), first);
  const std::string used = choose_model(table, {served, model}, table.chat_model);
  ProcessPlan plan = our_plan(request, table,
                              {"model", "serve", used, "--host", "0.0.0.0", "--port",
                               std::to_string(port), "--alias", served});
  state_stand_in(table, plan, served, used);
  plan.exec_probes = ExecProbes::kHealthPage;
  plan.health_port = port;
  return plan;
}

ProcessPlan plan_waiting(const ContainerRequest& request) {
  ProcessPlan plan = plan_of(request, {"/bin/sh", "-c", "exec sleep 2147483647"});
  plan.exec_probes = ExecProbes::kSucceed;
  return plan;
}

// Steps that prepare what a stand-in does not need: adapters and toolkits for GPUs.
bool is_needless(const Words& words) {
  const auto script = script_of(words);
  if (!script) return false;
  return script->find("/workspace/cuda-provision.sh") != std::string::npos ||
         (script->find("skopeo copy") != std::string::npos &&
          script->find("/mnt/adapter/") != std::string::npos);
}

ProcessPlan plan_needless(const ContainerRequest& request) {
  return plan_of(request, {"/bin/sh", "-c",
                           "echo 'skipped: the model that stands in does not need this step'"});
}

bool is_tuning(const Words& words) {
  const auto script = script_of(words);
  return script && script->find("/workspace/tfs/fine_tuning.py") != std::string::npos;
}

ProcessPlan plan_assistant(const ContainerRequest& request, const ImageTable& table, Words command,
                           std::uint16_t fallback) {
  const std::uint16_t port = request.ports.empty() ? fallback : request.ports.front();
  for (const char* word : {"--address", "0.0.0.0", "--port"}) command.emplace_back(word);
  command.push_back(std::to_string(port));
  return our_plan(request, table, std::move(command));
}

// The demo's image runs parse_schedule.py and then format_schedule.py in /app.
ProcessPlan plan_ingestion(const ContainerRequest& request, const ImageTable& table) {
  Words command = {"ingest", "schedule"};
  for (const std::string& word : command_line(request)) {
    if (base_name(word) == "parse_schedule.py") command.emplace_back("parse");
    if (base_name(word) == "format_schedule.py") command.emplace_back("format");
  }
  const auto output = std::ranges::find(request.mounts, "/app/output", &Mount::container_path);
  if (output != request.mounts.end()) {
    command.emplace_back("--output");
    command.push_back(output->host_path);
  }
  return our_plan(request, table, std::move(command));
}

Result<ProcessPlan> plan_redis(const ContainerRequest& request, const ImageTable& table) {
  if (!has(table, "redis-server")) {
    return fail(ErrorCode::kUnimplemented,
                "the image {} needs redis-server, which is not on this machine's PATH: install it "
                "(Debian: apt install redis-server) and the pod starts by itself",
                request.image);
  }
  Words words = command_line(request);
  if (words.empty()) words = {"redis-server"};
  if (base_name(words[0]) == "redis-server" && !request.pod_ip.empty()) {
    for (const std::string& word : {std::string("--bind"), request.pod_ip, std::string("127.0.0.1"),
                                    std::string("--protected-mode"), std::string("no")}) {
      words.push_back(word);
    }
  }
  return plan_of(request, std::move(words));
}

bool is_toolbox(std::string_view name) {
  constexpr auto kNames =
      std::to_array<std::string_view>({"busybox", "alpine", "debian", "ubuntu", "curl", "bash"});
  return std::ranges::count(kNames, name) > 0;
}

Error cannot_run(const ContainerRequest& request) {
  return {.code = ErrorCode::kUnimplemented,
          .message = fmt::format(
              "the image {} cannot run here: this machine runs programs of its own, no container "
              "images. It knows RAGE's and KAITO's images, the SCALE23X demo's, redis, and "
              "containers whose command is a shell script. Run this one on a cluster, or replace "
              "its command by /bin/sh -c and a script",
              request.image)};
}

Result<ProcessPlan> plan_tools(const ContainerRequest& request, const ImageTable& table) {
  Words words = command_line(request);
  const std::string_view name = image_name(request.image);
  if (name == "curl" && (words.empty() || (request.command.empty() && !is_shell(words[0])))) {
    words.insert(words.begin(), "curl");
  }
  if (words.empty()) return fail(cannot_run(request));
  const bool script = script_of(words).has_value();
  if (!script && !is_toolbox(name)) return fail(cannot_run(request));
  const std::string needed = name == "curl" && script ? "curl" : words[0];
  if (!is_shell(needed) && !has(table, needed)) {
    return fail(ErrorCode::kUnimplemented,
                "the container needs the program {}, which this machine does not have: install it "
                "and the pod starts by itself",
                needed);
  }
  if (is_shell(words[0]) && !has(table, words[0])) words[0] = "/bin/sh";
  return plan_of(request, std::move(words));
}

}  // namespace

std::string value_of(const Environment& environment, std::string_view name) {
  const auto found = std::ranges::find(environment, name, &Environment::value_type::first);
  return found == environment.end() ? std::string() : found->second;
}

void set_value(Environment& environment, std::string_view name, std::string value) {
  const auto found = std::ranges::find(environment, name, &Environment::value_type::first);
  if (found != environment.end()) {
    found->second = std::move(value);
  } else {
    environment.emplace_back(name, std::move(value));
  }
}

std::string_view image_name(std::string_view image) {
  image = base_name(image.substr(0, image.find('@')));
  return image.substr(0, image.find(':'));
}

std::string choose_model(const ImageTable& table, const Words& wanted,
                         const std::string& fallback) {
  for (const std::string& name : wanted) {
    const auto found = table.substitutes.find(to_lower_ascii(name));
    if (found != table.substitutes.end()) return found->second;
  }
  for (const std::string& name : wanted) {
    const auto found = table.local_models.find(to_lower_ascii(name));
    if (found != table.local_models.end()) return "file:" + found->second;
  }
  return fallback;
}

Result<std::pair<std::string, std::string>> parse_substitute(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = trim(text.substr(0, equals));
  const std::string_view used =
      equals == std::string_view::npos ? std::string_view() : trim(text.substr(equals + 1));
  if (name.empty() || used.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "\"{}\" is no substitute such as "
                "phi-4-mini-instruct=hf://org/repo/file.gguf",
                text);
  }
  return std::pair(to_lower_ascii(name), std::string(used));
}

Result<ProcessPlan> plan_process(const ContainerRequest& request, const ImageTable& table) {
  const std::string_view name = image_name(request.image);
  const Words words = command_line(request);
  const bool demo = request.image.find("scale23x-demo/") != std::string::npos;
  if (name == "rage" || name == "rage-llamacpp") {
    const bool script = !request.command.empty() && is_shell(request.command[0]);
    return script ? plan_tools(request, table) : plan_ours(request, table);
  }
  if (is_tuning(words)) {
    return fail(ErrorCode::kUnimplemented,
                "fine-tuning needs a GPU and KAITO's training image, which this machine does not "
                "run: apply this Workspace to a cluster");
  }
  if (const Words server = model_server_of(words); !server.empty()) {
    return is_follower(request, words) ? plan_waiting(request)
                                       : plan_model_server(request, table, server);
  }
  if (is_needless(words)) return plan_needless(request);
  if (name == "llm-d-routing-sidecar") {
    Words sidecar = {"pd-sidecar", "--address", "0.0.0.0"};
    sidecar.insert(sidecar.end(), words.begin(), words.end());
    return our_plan(request, table, std::move(sidecar));
  }
  if (demo && name == "agent") return plan_assistant(request, table, {"assistant"}, 8001);
  if (demo && name == "web") return plan_assistant(request, table, {"assistant", "web"}, 3000);
  if (demo && name == "sched") return plan_ingestion(request, table);
  if (name == "redis") return plan_redis(request, table);
  return plan_tools(request, table);
}

}  // namespace rage::node
