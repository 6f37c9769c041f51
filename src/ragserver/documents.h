// Documents as requests carry them and replies show them; KAITO's shapes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"
#include "rag/document.h"
#include "ragserver/validation.h"

namespace rage::ragserver {

// doc_id, hash_value and is_truncated are echoed where KAITO does.
struct RequestDocument {
  std::string doc_id;
  rag::Document document;
  codec::Json hash_value = nullptr;
  bool is_truncated = false;
};

// The list `documents` of a body.
std::vector<RequestDocument> read_documents(const codec::Json& body, ValidationErrors& errors);

codec::Json render_document(std::string_view doc_id, std::string_view text,
                            const codec::Json& metadata, const codec::Json& hash_value,
                            bool is_truncated);
codec::Json render_document(const RequestDocument& document);
codec::Json render_hit(const rag::RetrievedChunk& hit);

}  // namespace rage::ragserver
