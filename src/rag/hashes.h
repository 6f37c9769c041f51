// Identities of documents and chunks, byte for byte those of KAITO's RAGEngine (FAISS store), so
// that clients which compare or store them keep working.
#pragma once

#include <string>
#include <string_view>

#include "codec/json.h"

namespace rage::rag {

// Lower-case hex SHA-256 of the UTF-8 text alone.
std::string document_id(std::string_view text);

// `hash_value` of a listed chunk: SHA-256 of the text followed by Python's repr() of the metadata.
std::string chunk_hash(std::string_view text, const codec::Json& metadata);

// Decides whether an update changes anything: SHA-256 of the metadata as "key: value" lines, "-",
// and the hex SHA-256 of the text; without metadata the prefix and the dash are absent.
std::string document_hash(std::string_view text, const codec::Json& metadata);

// Python's repr() of a JSON value (True, None, 'text', 1.0, {'a': [1]}), for the hashes above.
std::string python_repr(const codec::Json& value);

// The same as lines "key: value", values as Python's str().
std::string render_metadata(const codec::Json& metadata);

// Python's ==, where 1 == 1.0 == True.
bool python_equal(const codec::Json& a, const codec::Json& b);

}  // namespace rage::rag
