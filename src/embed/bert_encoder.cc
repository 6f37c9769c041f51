#include "embed/bert_encoder.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <openvino/openvino.hpp>
#include <openvino/runtime/intel_cpu/properties.hpp>
#include <utility>
#include <vector>

#include "base/check.h"
#include "embed/detail/bert_graph.h"
#include "embed/detail/bert_weights.h"
#include "embed/detail/pooling.h"
#include "embed/safetensors.h"

namespace rage::embed {
namespace {

Precision resolve(Precision precision) {
  if (precision != Precision::kAuto) return precision;
#if defined(__x86_64__)
  // Every CPU with AMX has it, too.
  if (__builtin_cpu_supports("avx512bf16")) return Precision::kBf16;
#endif
  return Precision::kF32;
}

// TBB loads a helper with RTLD_DEEPBIND, at which AddressSanitizer ends the process; TBB has a
// switch.
void prepare_for_sanitizers() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RAGE_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(RAGE_ADDRESS_SANITIZER)
  ::setenv("TBB_ENABLE_SANITIZERS", "1", 0);
#endif
}

// One stream over all cores: two streams of one core each gave the same throughput and doubled the
// time of a lone question. Other processes share the machine: threads are not pinned, and work is
// split as it goes (a fixed split waits for the core that somebody else uses: up to a third of the
// throughput).
ov::AnyMap runtime_options(Precision precision, std::size_t threads) {
  return {
      ov::hint::inference_precision(precision == Precision::kBf16 ? ov::element::bf16
                                                                  : ov::element::f32),
      ov::num_streams(1),
      ov::inference_num_threads(static_cast<std::int32_t>(threads)),
      ov::hint::enable_cpu_pinning(false),
      ov::intel_cpu::tbb_partitioner(ov::intel_cpu::TbbPartitioner::AUTO),
  };
}

}  // namespace

struct BertEncoder::State {
  BertConfig config;
  Precision precision = Precision::kF32;
  ov::CompiledModel model;
  ov::InferRequest request;
};

BertEncoder::BertEncoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
BertEncoder::~BertEncoder() = default;
Precision BertEncoder::precision() const {
  return state_->precision;
}

Result<std::unique_ptr<BertEncoder>> BertEncoder::load(const std::filesystem::path& folder,
                                                       const BertConfig& config,
                                                       const TextEncoderOptions& options) {
  ASSIGN_OR_RETURN(const auto weights, SafetensorsFile::open(folder / "model.safetensors"));
  auto state = std::make_unique<State>();
  state->config = config;
  state->precision = resolve(options.precision);
  try {
    ASSIGN_OR_RETURN(const auto graph,
                     detail::build_bert_graph(detail::BertWeights(weights), config));
    prepare_for_sanitizers();
    ov::Core core;
    state->model =
        core.compile_model(graph, "CPU", runtime_options(state->precision, options.thread_count()));
    state->request = state->model.create_infer_request();
  } catch (const std::exception& error) {
    return fail(Error{.code = ErrorCode::kInternal,
                      .message = "the inference runtime cannot load the model",
                      .detail = error.what()});
  }
  auto encoder = std::unique_ptr<BertEncoder>(new BertEncoder(std::move(state)));
  RETURN_IF_ERROR(encoder->warm_up());
  weights->release_pages();
  return encoder;
}

// The runtime packs the weights when it first needs them; better now than in the first request.
Result<void> BertEncoder::warm_up() {
  const std::vector<std::int32_t> ids(std::min<std::size_t>(12, state_->config.tokens_max), 0);
  std::vector<float> vector(state_->config.hidden);
  return encode({.rows = 1, .row_tokens = ids.size(), .texts = {{.ids = ids, .vector = vector}}});
}

Result<void> BertEncoder::encode(const MicroBatch& batch) {
  try {
    run(batch);
  } catch (const std::exception& error) {
    return fail(Error{.code = ErrorCode::kInternal,
                      .message = "the inference runtime failed",
                      .detail = error.what()});
  }
  return pool(batch);
}

void BertEncoder::run(const MicroBatch& batch) {
  const BertConfig& config = state_->config;
  const ov::Shape shape = {batch.rows, batch.row_tokens};
  ov::Tensor ids(ov::element::i32, shape);
  ov::Tensor positions(ov::element::i32, shape);
  ov::Tensor segments(ov::element::i32, shape);
  const std::size_t tokens = batch.rows * batch.row_tokens;
  const std::span<std::int32_t> id(ids.data<std::int32_t>(), tokens);
  const std::span<std::int32_t> position(positions.data<std::int32_t>(), tokens);
  const std::span<std::int32_t> segment(segments.data<std::int32_t>(), tokens);
  std::ranges::fill(id, 0);
  std::ranges::fill(position, 0);
  std::ranges::fill(segment, 0);  // Padding: a segment of its own.
  std::int32_t number = 0;
  for (const PlacedText& text : batch.texts) {
    ++number;
    CHECK(!text.ids.empty());
    CHECK(text.row < batch.rows && text.column + text.ids.size() <= batch.row_tokens);
    const std::size_t first = text.row * batch.row_tokens + text.column;
    number_positions(config, text.ids, position.subspan(first, text.ids.size()));
    for (std::size_t i = 0; i < text.ids.size(); ++i) {
      CHECK(std::cmp_greater_equal(text.ids[i], 0) &&
            std::cmp_less(text.ids[i], config.vocabulary));
      id[first + i] = text.ids[i];
      segment[first + i] = number;
    }
  }
  state_->request.set_tensor("ids", ids);
  state_->request.set_tensor("positions", positions);
  state_->request.set_tensor("segments", segments);
  state_->request.infer();
}

Result<void> BertEncoder::pool(const MicroBatch& batch) const {
  const std::size_t hidden = state_->config.hidden;
  const ov::Tensor states = state_->request.get_output_tensor();
  CHECK(states.get_size() == batch.rows * batch.row_tokens * hidden);
  const std::span<const float> all(states.data<const float>(), states.get_size());
  for (const PlacedText& text : batch.texts) {
    CHECK(text.vector.size() == hidden);
    const std::size_t first = text.row * batch.row_tokens + text.column;
    RETURN_IF_ERROR(detail::pool_tokens(state_->config.pooling,
                                        all.subspan(first * hidden, text.ids.size() * hidden),
                                        text.vector));
  }
  return {};
}

}  // namespace rage::embed

#if defined(__SANITIZE_ADDRESS__)
#define RAGE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RAGE_ASAN 1
#endif
#endif
#ifdef RAGE_ASAN
// TBB's threads keep observers and CPU masks until after the leak check; here, because a static
// library's object is linked only for a symbol that somebody needs.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libtbb.so\nleak:libtbbbind\nleak:libhwloc.so\n";
}
#endif
