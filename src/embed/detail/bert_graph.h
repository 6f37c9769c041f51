// The encoder of BERT (Devlin et al. 2018) and of XLM-RoBERTa (Conneau et al. 2020), which is the
// same, as an OpenVINO graph over the weights of a safetensors file. Private to the room:
// OpenVINO's types stay behind bert_encoder.h.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>

#include "base/error.h"
#include "embed/bert_config.h"
#include "embed/detail/bert_weights.h"

namespace rage::embed::detail {

// Inputs, all i32 [rows, row_tokens]: "ids"; "positions", rows of the position table;
// "segments", a number a text: tokens attend to the tokens of their own segment alone. Output: the
// last hidden state, f32 [rows, row_tokens, hidden]. Weights are not copied; the graph keeps
// the file mapped. kDataLoss names the tensor that is missing or has another shape than the
// configuration says.
Result<std::shared_ptr<ov::Model>> build_bert_graph(const BertWeights& weights,
                                                    const BertConfig& config);

}  // namespace rage::embed::detail
