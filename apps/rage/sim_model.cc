// `rage sim-model`: a model server without a model.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "listen.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "shutdown.h"
#include "simulator/sim_server.h"
#include "subcommands.h"
#include "tracing.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr auto kSimModelDrainLimit = 5s;

// What flags say before it is checked and converted.
struct SimModelFlags {
  simulator::SimServerOptions server;
  std::vector<std::string> failures;
  double decode_base_ms = 12;
  double decode_per_sequence_ms = 0.1;
  double adapter_load_ms = 300;
  bool no_prefix_caching = false;
};

simulator::VirtualTime time_of(double milliseconds) {
  return std::chrono::duration_cast<simulator::VirtualTime>(Milliseconds(milliseconds));
}

Result<void> run(SimModelFlags flags) {
  const ShutdownSignal shutdown;
  simulator::SimServerOptions& options = flags.server;
  options.address = pod_address(options.address);
  for (const std::string& text : flags.failures) {
    ASSIGN_OR_RETURN(const auto rule, simulator::parse_failure_rule(text));
    options.failures.push_back(rule);
  }
  options.engine.decode_base = time_of(flags.decode_base_ms);
  options.engine.decode_per_sequence = time_of(flags.decode_per_sequence_ms);
  options.engine.adapter_load = time_of(flags.adapter_load_ms);
  options.engine.prefix_caching = !flags.no_prefix_caching;
  if (options.engine.adapters_max == 0) {
    options.engine.adapters_max = static_cast<std::uint32_t>(options.adapters.size());
  }
  obs::MetricRegistry registry;
  const Tracing tracing("rage-sim-model", registry);
  options.tracer = &tracing.tracer();
  ASSIGN_OR_RETURN(const auto server, simulator::SimServer::create(options));
  fmt::print("rage sim-model: ready on http://{}:{}\n", options.address, server->port());
  if (options.kv_events_port) fmt::print("KV events on {}\n", server->kv_events_port());
  std::fflush(stdout);
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  server->drain(kSimModelDrainLimit);
  return {};
}

void add_service_options(CLI::App& command, SimModelFlags& flags) {
  simulator::SimServerOptions& server = flags.server;
  server.port = 8000;
  command.add_option("--address", server.address, "Address to listen on; 0.0.0.0 in a pod")
      ->capture_default_str();
  command.add_option("--port", server.port, "Port; 0: any free one, printed when ready")
      ->capture_default_str();
  command.add_option("--name", server.name, "This replica's, in the header x-sim-name of answers");
  command.add_option("--model", server.model, "Name of the base model")->capture_default_str();
  command.add_option("--adapter", server.adapters, "A LoRA adapter to serve as well; repeatable");
  command.add_option("--context", server.context_tokens, "Tokens of one prompt and its answer")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--output-tokens-mean", server.output_tokens_mean,
                  "Where answers end by themselves: at half to one and a half of it")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--dimensions", server.embedding_dimensions, "Of embeddings")
      ->check(CLI::Range(1, 16384))
      ->capture_default_str();
  command
      .add_option("--requests-max", server.requests_max,
                  "Requests at once, each with a thread; past that: 503")
      ->check(CLI::Range(1, 32000))
      ->capture_default_str();
  command.add_option(
      "--fail", flags.failures,
      "A failure and its probability, as status:503@0.05; repeatable. Kinds: status:CODE, "
      "reset-before-headers, reset-mid-stream[:TOKENS], hang, hang-mid-stream[:TOKENS]");
  command.add_option(
      "--kv-events-port", server.kv_events_port,
      "Publish KV-cache events there, as vLLM does (ZeroMQ, 5557); 0: any free port");
  command.add_option("--seed", server.seed, "Of chance")->capture_default_str();
}

void add_engine_options(CLI::App& command, SimModelFlags& flags) {
  simulator::EngineOptions& engine = flags.server.engine;
  command
      .add_option("--time-scale", flags.server.time_scale,
                  "Seconds that pass for the model in a real one")
      ->capture_default_str();
  command
      .add_option("--prefill-tokens-per-second", engine.prefill_tokens_per_second,
                  "Of the whole server")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--decode-base-ms", flags.decode_base_ms, "Of every step")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      .add_option("--decode-per-sequence-ms", flags.decode_per_sequence_ms,
                  "More for each sequence in it")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      .add_option("--decode-ns-per-kv-token", engine.decode_nanoseconds_per_kv_token,
                  "More for each token that is attended to")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--max-num-seqs", engine.sequences_max, "Sequences running at once")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--max-num-batched-tokens", engine.batch_tokens_max, "Tokens of one step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--block-size", engine.block_tokens, "Tokens of a KV block")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--num-gpu-blocks", engine.blocks, "KV blocks")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_flag("--no-prefix-caching", flags.no_prefix_caching, "Every prompt is computed");
  command
      .add_option("--max-loras", engine.adapters_max,
                  "Adapters on the accelerator at once; 0: all of them")
      ->capture_default_str();
  command.add_option("--lora-load-ms", flags.adapter_load_ms, "To load an adapter into a slot")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

}  // namespace

void add_sim_model(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "sim-model", "A model server without a model: vLLM's API, metrics and pace, for tests");
  auto flags = std::make_shared<SimModelFlags>();
  add_service_options(*command, *flags);
  add_engine_options(*command, *flags);
  command->footer(
      "Serves /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models, /health, "
      "/metrics.\n"
      "A request fails as its header x-sim-fail says, with the kinds of --fail. Answers carry the "
      "SHA-256 of\n"
      "the request's body as it came, in x-sim-body-sha256.\n"
      "Examples:\n"
      "  rage sim-model --model phi-4 --port 8000\n"
      "  rage sim-model --adapter sql --adapter chat --max-loras 1     adapters that compete\n"
      "  rage sim-model --fail status:503@0.05 --fail hang@0.01        a bad replica\n"
      "  rage sim-model --time-scale 20                                twenty times as fast\n"
      "  curl localhost:8000/v1/completions -H 'x-sim-fail: reset-mid-stream:5' \\\n"
      "    -d '{\"prompt\": \"a\", \"stream\": true}'                      one that breaks off");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run(*flags)); });
}

}  // namespace rage::app
