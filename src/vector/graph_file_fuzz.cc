// A graph's file with any bytes inside, its checksum made right: whatever is accepted must be safe
// to walk.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "vector/dense_graph.h"
#include "vector/detail/graph_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  std::string file = rage::vector::detail::graph_file_head(4, 7, size);
  file.append(input);
  rage::vector::detail::append_checksum(file);
  const float vector[] = {0.5F, 0.5F, 0.5F, 0.5F};
  const rage::vector::GraphOptions options{.dimension = 4, .connectivity = 2};
  const auto vector_of = [&](std::int64_t key) {
    return key % 3 == 0 ? std::span<const float>() : std::span<const float>(vector);
  };
  const auto graph = rage::vector::DenseGraph::parse(file, 7, options, vector_of);
  if (graph) {
    CHECK((*graph)->search(vector, 3).size() <= 3);
    CHECK((*graph)->search(vector, 1000000).size() == (*graph)->live_rows());
  }
  // As it is: almost always refused by its head or its checksum.
  const auto bare = rage::vector::DenseGraph::parse(input, 7, options, vector_of);
  CHECK(!bare || (*bare)->live_rows() <= size);
  return 0;
}
