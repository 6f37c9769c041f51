// What a container means on a machine without container images: a program of this machine, a model
// that stands in for the wanted one, or a refusal that says why and what to do. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace rage::node {

using Environment = std::vector<std::pair<std::string, std::string>>;
// Empty if absent.
std::string value_of(const Environment& environment, std::string_view name);
void set_value(Environment& environment, std::string_view name, std::string value);

// A directory (or file) of this machine in the place of a path inside the container.
struct Mount {
  std::string container_path;  // "/app/output", no final slash.
  std::string host_path;

  bool operator==(const Mount&) const = default;
};

// Value. A container with its variables expanded and its paths moved to where its mounts are.
struct ContainerRequest {
  std::string image;
  std::vector<std::string> command = {};
  std::vector<std::string> args = {};
  std::string working_directory = {};  // Empty: none given.
  Environment environment = {};
  std::vector<std::uint16_t> ports = {};  // containerPort, in their order.
  std::vector<Mount> mounts = {};
  std::string pod_ip = {};
};

// Value. What this machine has to offer.
struct ImageTable {
  std::string rage;                // This program, by its path.
  std::string kubeconfig;          // For programs of ours that talk to the API server.
  std::string cache_directory;     // RAGE_CACHE_DIR of this machine,
  std::string packaged_directory;  // and RAGE_PACKAGED_DIR.
  // By model id or served name, lower case: a reference as `rage model serve` takes it.
  std::map<std::string, std::string> substitutes = {};
  std::map<std::string, std::string> local_models = {};  // The same, to a GGUF file or its folder.
  std::string chat_model = "packaged:SmolLM2-135M-Instruct";  // For all the others.
  std::string embedding_model = "packaged:all-MiniLM-L6-v2";
  // "curl" in PATH, or an absolute path.
  std::function<bool(const std::string& program)> has_program = {};
  // Whether a reference to the hub needs no network.
  std::function<bool(const std::string& reference)> is_cached = {};
};

// What becomes of probes that run a program inside the container.
enum class ExecProbes {
  kRun,         // As written.
  kHealthPage,  // The program is the image's: GET /health on `health_port` instead.
  kSucceed,     // Nothing to ask.
};

// Value. A process of this machine.
struct ProcessPlan {
  std::vector<std::string> argv;
  Environment environment = {};
  std::string working_directory = {};  // Empty: the container's own folder.
  std::string substitution = {};       // "phi-4 -> packaged:NAME"; empty: it is what was asked for.
  ExecProbes exec_probes = ExecProbes::kRun;
  std::uint16_t health_port = 0;
};

// kUnimplemented: nothing here can run it; the message says what to do. Matched by the last part of
// the image's name and by the command:
//   rage, rage-llamacpp                our own image: this program; a model of the hub may be
//                                      substituted
//   a command with inference_api.py    KAITO's model images: `rage model serve` with a substitute
//   llm-d-routing-sidecar              `rage pd-sidecar`
//   scale23x-demo/agent, web, sched    `rage assistant`, `rage assistant web`, `rage ingest
//   schedule` redis                              redis-server of this machine a shell script,
//   common tools       /bin/sh and programs of this machine
Result<ProcessPlan> plan_process(const ContainerRequest& request, const ImageTable& table);

// The reference that serves a model. `wanted` are its names, the first for people.
std::string choose_model(const ImageTable& table, const std::vector<std::string>& wanted,
                         const std::string& fallback);

// "phi-4=packaged:NAME": kInvalidArgument if it is not of that form.
Result<std::pair<std::string, std::string>> parse_substitute(std::string_view text);

// "ghcr.io/a/rage:1@sha256:..." is "rage".
std::string_view image_name(std::string_view image);

}  // namespace rage::node
