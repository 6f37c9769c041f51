#include "embed/text_encoder.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "embed/bert_encoder.h"
#if RAGE_EMBED_INT8
#include "embed/int8_encoder.h"
#endif

namespace rage::embed {

std::size_t TextEncoderOptions::thread_count() const {
  return threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency());
}
Result<std::unique_ptr<TextEncoder>> load_encoder(const std::filesystem::path& folder,
                                                  const BertConfig& config,
                                                  const TextEncoderOptions& options) {
#if RAGE_EMBED_INT8
  const bool in_bytes =
      options.precision == Precision::kAuto || options.precision == Precision::kInt8;
  if (in_bytes && Int8Encoder::can_run(config)) {
    ASSIGN_OR_RETURN(auto encoder, Int8Encoder::load(folder, config, options));
    return std::unique_ptr<TextEncoder>(std::move(encoder));
  }
#endif
  if (options.precision == Precision::kInt8) {
    return fail(
        ErrorCode::kUnimplemented,
        "precision int8 needs a CPU with AVX-512 VNNI and BF16, and a model whose sizes are "
        "multiples of 64; auto takes what there is");
  }
  ASSIGN_OR_RETURN(auto encoder, BertEncoder::load(folder, config, options));
  return std::unique_ptr<TextEncoder>(std::move(encoder));
}

}  // namespace rage::embed
