// The bytes of docs/formats/dense-graph.md: put together, and taken apart with every length, level,
// key and link checked. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::vector::detail {

struct GraphFile {
  std::size_t dimension = 0;
  std::uint64_t tag = 0;
  std::string_view graph;  // Borrowed; USearch's stream.
};

struct GraphShape {
  std::size_t connectivity = 0;
  std::size_t connectivity_base = 0;
  std::vector<std::int64_t> keys;  // By node.
};

std::uint64_t checksum(std::string_view bytes);
// The file's bytes before a stream of `graph_bytes`.
std::string graph_file_head(std::size_t dimension, std::uint64_t tag, std::size_t graph_bytes);
void append_checksum(std::string& file);

// kDataLoss with the reason.
Result<GraphFile> parse_graph_file(std::string_view bytes);
// Checks that following any link stays inside, and that keys rise. kDataLoss with the reason.
Result<GraphShape> check_graph_stream(std::string_view graph);

}  // namespace rage::vector::detail
