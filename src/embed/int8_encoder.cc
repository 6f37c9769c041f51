#include "embed/int8_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "embed/detail/attention.h"
#include "embed/detail/bert_weights.h"
#include "embed/detail/int8_kernels.h"
#include "embed/detail/pooling.h"

namespace rage::embed {
namespace {

using detail::BertWeights;
using detail::Int8Linear;

// Tokens that go through the feed-forward part together: what lies between its products stays in
// the caches. All of a long text at once take 4 % longer.
constexpr std::size_t kFeedForwardTokens = 48;

struct Norm {
  std::vector<float> scales;
  std::vector<float> shifts;
};

struct Layer {
  Int8Linear projections;  // Query, key and value, one below the other.
  Int8Linear mixed;
  Norm mixed_norm;
  Int8Linear wide;
  Int8Linear narrow;
  Norm narrow_norm;
};

// A table of rows in the mapped file: read where it lies.
struct Table {
  TensorType type = TensorType::kF32;
  std::span<const std::byte> bytes;
  std::size_t row_bytes = 0;

  std::span<const std::byte> row(std::size_t number) const {
    return bytes.subspan(number * row_bytes, row_bytes);
  }
};

struct Model {
  BertConfig config;
  std::shared_ptr<const SafetensorsFile> file;
  Table words;
  Table places;
  std::vector<float> type;  // Of the first segment; texts have no other.
  Norm norm;
  std::vector<Layer> layers;
};

// What one thread needs for its texts; grows to the largest micro-batch.
struct Workspace {
  std::vector<float> states;
  std::vector<float> projections;
  std::vector<float> mixed;
  std::vector<float> narrow;
  std::vector<std::int32_t> positions;
  detail::Int8Rows rows;
  detail::Int8Rows wide;
  detail::AttentionSpace attention;
};

class Reader final {
 public:
  Reader(BertWeights weights, const BertConfig& config)
      : weights_(std::move(weights)), config_(config) {}

  Result<Model> read() {
    const std::size_t hidden = config_.hidden;
    Model model{.config = config_, .file = weights_.file()};
    ASSIGN_OR_RETURN(model.words, table("embeddings.word_embeddings", config_.vocabulary));
    ASSIGN_OR_RETURN(model.places, table("embeddings.position_embeddings", config_.positions));
    ASSIGN_OR_RETURN(model.type, weights_.read("embeddings.token_type_embeddings.weight",
                                               {config_.token_types, hidden}));
    model.type.resize(hidden);
    ASSIGN_OR_RETURN(model.norm, norm("embeddings.LayerNorm"));
    for (std::size_t i = 0; i < config_.layers; ++i) {
      ASSIGN_OR_RETURN(Layer layer, read_layer(fmt::format("encoder.layer.{}.", i)));
      model.layers.push_back(std::move(layer));
    }
    return model;
  }

 private:
  Result<Table> table(const std::string& name, std::size_t rows) const {
    ASSIGN_OR_RETURN(const TensorInfo* tensor,
                     weights_.find(name + ".weight", {rows, config_.hidden}));
    const auto bytes = weights_.file()->bytes_of(*tensor);
    return Table{.type = tensor->type, .bytes = bytes, .row_bytes = bytes.size() / rows};
  }

  Result<Norm> norm(const std::string& name) const {
    Norm norm;
    ASSIGN_OR_RETURN(norm.scales, weights_.read(name + ".weight", {config_.hidden}));
    ASSIGN_OR_RETURN(norm.shifts, weights_.read(name + ".bias", {config_.hidden}));
    return norm;
  }

  Result<Int8Linear> linear(const std::string& name, std::size_t from, std::size_t to,
                            std::int32_t zero = detail::kZero) const {
    ASSIGN_OR_RETURN(const auto weights, weights_.read(name + ".weight", {to, from}));
    ASSIGN_OR_RETURN(const auto biases, weights_.read(name + ".bias", {to}));
    return detail::quantize_weights(weights, biases, zero);
  }

  // Queries are scaled here, once, instead of each score: by the root of a head's size, and so that
  // shares are powers of 2 instead of e.
  Result<Int8Linear> projections(const std::string& name) const {
    const std::size_t hidden = config_.hidden;
    std::vector<float> weights;
    std::vector<float> biases;
    const float scale =
        std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(hidden / config_.heads));
    for (const char* part : {"query", "key", "value"}) {
      ASSIGN_OR_RETURN(auto matrix, weights_.read(name + part + ".weight", {hidden, hidden}));
      ASSIGN_OR_RETURN(auto bias, weights_.read(name + part + ".bias", {hidden}));
      if (weights.empty()) {
        for (float& value : matrix) value *= scale;
        for (float& value : bias) value *= scale;
      }
      weights.insert(weights.end(), matrix.begin(), matrix.end());
      biases.insert(biases.end(), bias.begin(), bias.end());
    }
    return detail::quantize_weights(weights, biases);
  }

  Result<Layer> read_layer(const std::string& name) const {
    const std::size_t hidden = config_.hidden;
    Layer layer;
    ASSIGN_OR_RETURN(layer.projections, projections(name + "attention.self."));
    ASSIGN_OR_RETURN(layer.mixed, linear(name + "attention.output.dense", hidden, hidden));
    ASSIGN_OR_RETURN(layer.mixed_norm, norm(name + "attention.output.LayerNorm"));
    ASSIGN_OR_RETURN(layer.wide, linear(name + "intermediate.dense", hidden, config_.intermediate));
    ASSIGN_OR_RETURN(layer.narrow, linear(name + "output.dense", config_.intermediate, hidden,
                                          detail::kGeluZero));
    ASSIGN_OR_RETURN(layer.narrow_norm, norm(name + "output.LayerNorm"));
    return layer;
  }

  const BertWeights weights_;
  const BertConfig& config_;
};

// Encodes the texts of a micro-batch, one after the other in one run of rows.
class Pass final {
 public:
  Pass(const Model& model, Workspace& space) : model_(model), space_(space) {}

  Result<void> run(const MicroBatch& batch) {
    const std::span<const PlacedText> texts = batch.texts;
    tokens_ = 0;
    for (const PlacedText& text : texts) tokens_ += text.ids.size();
    look_up(texts);
    for (const Layer& layer : model_.layers) {
      attend(layer, texts);
      for (std::size_t first = 0; first < tokens_; first += kFeedForwardTokens) {
        batch.let_callers_run();
        finish(layer, first, std::min(kFeedForwardTokens, tokens_ - first));
      }
    }
    return pool(texts);
  }

 private:
  static std::span<float> room(std::vector<float>& values, std::size_t size) {
    if (values.size() < size) values.resize(size);
    return std::span(values).first(size);
  }

  void normalize(std::span<float> values, std::span<const float> added, const Norm& norm) const {
    detail::add_and_normalize(values, added, norm.scales, norm.shifts,
                              static_cast<float>(model_.config.layer_norm_epsilon));
  }

  void look_up(std::span<const PlacedText> texts) {
    const std::size_t hidden = model_.config.hidden;
    states_ = room(space_.states, tokens_ * hidden);
    const auto places = room(space_.mixed, tokens_ * hidden);
    std::size_t token = 0;
    for (const PlacedText& text : texts) {
      CHECK(!text.ids.empty());
      space_.positions.resize(text.ids.size());
      number_positions(model_.config, text.ids, space_.positions);
      for (std::size_t i = 0; i < text.ids.size(); ++i, ++token) {
        const std::int32_t id = text.ids[i];
        CHECK(std::cmp_greater_equal(id, 0) && std::cmp_less(id, model_.config.vocabulary));
        const auto state = states_.subspan(token * hidden, hidden);
        const auto place = places.subspan(token * hidden, hidden);
        detail::to_floats(model_.words.type, model_.words.row(static_cast<std::size_t>(id)), state);
        const auto position = static_cast<std::size_t>(space_.positions[i]);
        detail::to_floats(model_.places.type, model_.places.row(position), place);
        for (std::size_t k = 0; k < hidden; ++k) place[k] += model_.type[k];
      }
    }
    normalize(states_, places, model_.norm);
  }

  void attend(const Layer& layer, std::span<const PlacedText> texts) {
    const std::size_t hidden = model_.config.hidden;
    const auto projections = room(space_.projections, tokens_ * 3 * hidden);
    mixed_ = room(space_.mixed, tokens_ * hidden);
    detail::quantize_rows(states_, hidden, space_.rows);
    detail::multiply(space_.rows, layer.projections, projections);
    std::size_t first = 0;
    for (const PlacedText& text : texts) {
      const std::size_t tokens = text.ids.size();
      detail::attend(projections.subspan(first * 3 * hidden, tokens * 3 * hidden),
                     model_.config.heads, hidden / model_.config.heads, space_.attention,
                     mixed_.subspan(first * hidden, tokens * hidden));
      first += tokens;
    }
  }

  // What comes after attention looks at one token alone.
  void finish(const Layer& layer, std::size_t first, std::size_t tokens) {
    const std::size_t hidden = model_.config.hidden;
    const auto states = states_.subspan(first * hidden, tokens * hidden);
    const auto narrow = room(space_.narrow, tokens * hidden);
    detail::quantize_rows(mixed_.subspan(first * hidden, tokens * hidden), hidden, space_.rows);
    detail::multiply(space_.rows, layer.mixed, narrow);
    normalize(states, narrow, layer.mixed_norm);
    detail::quantize_rows(states, hidden, space_.rows);
    detail::multiply_gelu(space_.rows, layer.wide, space_.wide);
    detail::multiply(space_.wide, layer.narrow, narrow);
    normalize(states, narrow, layer.narrow_norm);
  }

  Result<void> pool(std::span<const PlacedText> texts) const {
    const std::size_t hidden = model_.config.hidden;
    std::size_t first = 0;
    for (const PlacedText& text : texts) {
      CHECK(text.vector.size() == hidden);
      RETURN_IF_ERROR(detail::pool_tokens(model_.config.pooling,
                                          states_.subspan(first * hidden, text.ids.size() * hidden),
                                          text.vector));
      first += text.ids.size();
    }
    return {};
  }

  const Model& model_;
  Workspace& space_;
  std::size_t tokens_ = 0;
  std::span<float> states_;
  std::span<float> mixed_;
};

}  // namespace

struct Int8Encoder::State {
  Model model;
  std::size_t threads = 1;
  Mutex mutex;
  std::vector<std::unique_ptr<Workspace>> idle_spaces GUARDED_BY(mutex);

  std::unique_ptr<Workspace> take_space() {
    MutexLock lock(mutex);
    if (idle_spaces.empty()) return std::make_unique<Workspace>();
    auto space = std::move(idle_spaces.back());
    idle_spaces.pop_back();
    return space;
  }
  void give_back(std::unique_ptr<Workspace> space) {
    MutexLock lock(mutex);
    idle_spaces.push_back(std::move(space));
  }
};

Int8Encoder::Int8Encoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Int8Encoder::~Int8Encoder() = default;

bool Int8Encoder::can_run(const BertConfig& config) {
  return detail::cpu_has_int8_kernels() && config.hidden % detail::kGroup == 0 &&
         config.intermediate % detail::kGroup == 0 && config.hidden / config.heads % 2 == 0 &&
         config.hidden / config.heads <= 256;
}

Result<std::unique_ptr<Int8Encoder>> Int8Encoder::load(const std::filesystem::path& folder,
                                                       const BertConfig& config,
                                                       const TextEncoderOptions& options) {
  CHECK(can_run(config));
  ASSIGN_OR_RETURN(const auto file, SafetensorsFile::open(folder / "model.safetensors"));
  auto state = std::make_unique<State>();
  ASSIGN_OR_RETURN(state->model, Reader(BertWeights(file), config).read());
  file->release_pages();
  state->threads = options.thread_count();
  return std::unique_ptr<Int8Encoder>(new Int8Encoder(std::move(state)));
}

// One more than cores: a pass may wait for the core on which its thread was woken while another
// idles.
std::size_t Int8Encoder::passes_max() const {
  return state_->threads > 1 ? state_->threads + 1 : 1;
}

Result<void> Int8Encoder::encode(const MicroBatch& batch) {
  std::unique_ptr<Workspace> space = state_->take_space();
  Result<void> outcome = Pass(state_->model, *space).run(batch);
  state_->give_back(std::move(space));
  return outcome;
}

}  // namespace rage::embed
