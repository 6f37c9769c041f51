#include "vector/detail/graph_file.h"

#include <xxhash.h>

#include <bit>
#include <cstring>

namespace rage::vector::detail {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

constexpr std::string_view kMagic = "RAGEHNSW";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeadBytes = 32;
constexpr std::size_t kStreamHeadBytes = 40;
constexpr std::size_t kNodeHeadBytes = 10;  // Key and level.
constexpr std::uint64_t kConnectivityMax = 256;
constexpr std::int16_t kLevelMax = 64;

template <class T>
T load(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorCode::kDataLoss, "the dense graph is damaged: {}", what);
}

struct StreamHead {
  std::uint64_t nodes;
  std::uint64_t connectivity;
  std::uint64_t connectivity_base;
  std::uint64_t level_max;
  std::uint64_t entry;
};

Result<StreamHead> read_head(std::string_view graph) {
  if (graph.size() < kStreamHeadBytes) return damaged("too short for its head");
  const StreamHead head{.nodes = load<std::uint64_t>(graph, 0),
                        .connectivity = load<std::uint64_t>(graph, 8),
                        .connectivity_base = load<std::uint64_t>(graph, 16),
                        .level_max = load<std::uint64_t>(graph, 24),
                        .entry = load<std::uint64_t>(graph, 32)};
  // Each node takes at least its level and its own head.
  if (head.nodes > graph.size() / (2 + kNodeHeadBytes)) return damaged("too short for its nodes");
  if (head.connectivity < 2 || head.connectivity > kConnectivityMax ||
      head.connectivity_base < head.connectivity || head.connectivity_base > 2 * kConnectivityMax) {
    return damaged("impossible connectivity");
  }
  if (head.nodes > 0 && head.entry >= head.nodes) return damaged("its entry is no node");
  return head;
}

class StreamCheck {
 public:
  StreamCheck(std::string_view graph, const StreamHead& head) : graph_(graph), head_(head) {}

  Result<GraphShape> run() {
    GraphShape shape{.connectivity = head_.connectivity,
                     .connectivity_base = head_.connectivity_base,
                     .keys = {}};
    if (head_.nodes == 0) return shape;
    RETURN_IF_ERROR(check_levels());
    shape.keys.reserve(head_.nodes);
    for (std::uint64_t node = 0; node < head_.nodes; ++node) {
      const auto key = load<std::int64_t>(graph_, at_);
      if (!shape.keys.empty() && key <= shape.keys.back()) return damaged("keys do not rise");
      shape.keys.push_back(key);
      if (load<std::int16_t>(graph_, at_ + 8) != level_of(node)) return damaged("levels differ");
      at_ += kNodeHeadBytes;
      for (std::int16_t level = 0; level <= level_of(node); ++level) {
        RETURN_IF_ERROR(check_links(level));
      }
    }
    return shape;
  }

 private:
  std::int16_t level_of(std::uint64_t node) const {
    return load<std::int16_t>(graph_, kStreamHeadBytes + node * 2);
  }

  std::size_t room(std::int16_t level) const {
    return level == 0 ? head_.connectivity_base : head_.connectivity;
  }

  // Afterwards the stream is known to be as long as its nodes.
  Result<void> check_levels() {
    std::uint64_t bytes = kStreamHeadBytes + head_.nodes * 2;
    for (std::uint64_t node = 0; node < head_.nodes; ++node) {
      const std::int16_t level = level_of(node);
      if (level < 0 || level > kLevelMax) return damaged("impossible level");
      bytes += kNodeHeadBytes + 4 + 4 * room(0) + std::uint64_t(level) * (4 + 4 * room(1));
    }
    if (bytes != graph_.size()) return damaged("its length is not that of its nodes");
    if (head_.level_max > std::uint64_t(level_of(head_.entry))) {
      return damaged("its entry is below its highest level");
    }
    at_ = kStreamHeadBytes + head_.nodes * 2;
    return {};
  }

  Result<void> check_links(std::int16_t level) {
    const auto count = load<std::uint32_t>(graph_, at_);
    if (count > room(level)) return damaged("more links than room");
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto link = load<std::uint32_t>(graph_, at_ + 4 + 4 * std::size_t{i});
      if (link >= head_.nodes) return damaged("a link leads outside");
      if (level_of(link) < level) return damaged("a link leads below its level");
    }
    at_ += 4 + 4 * room(level);
    return {};
  }

  std::string_view graph_;
  StreamHead head_;
  std::size_t at_ = 0;
};

}  // namespace

std::uint64_t checksum(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string graph_file_head(std::size_t dimension, std::uint64_t tag, std::size_t graph_bytes) {
  std::string file;
  file.reserve(kHeadBytes + graph_bytes + sizeof(std::uint64_t));
  file.append(kMagic);
  append(file, kVersion);
  append(file, static_cast<std::uint32_t>(dimension));
  append(file, tag);
  append(file, std::uint64_t{graph_bytes});
  return file;
}

void append_checksum(std::string& file) {
  append(file, checksum(file));
}

Result<GraphFile> parse_graph_file(std::string_view bytes) {
  if (bytes.size() < kHeadBytes + sizeof(std::uint64_t)) return damaged("too short");
  if (!bytes.starts_with(kMagic)) return damaged("it does not begin as one");
  if (const auto version = load<std::uint32_t>(bytes, 8); version != kVersion) {
    return fail(ErrorCode::kDataLoss, "the dense graph has version {}, this program reads {}",
                version, kVersion);
  }
  const std::size_t whole = bytes.size() - sizeof(std::uint64_t);
  if (load<std::uint64_t>(bytes, 24) != whole - kHeadBytes) return damaged("wrong length");
  if (load<std::uint64_t>(bytes, whole) != checksum(bytes.substr(0, whole))) {
    return damaged("wrong checksum");
  }
  return GraphFile{.dimension = load<std::uint32_t>(bytes, 12),
                   .tag = load<std::uint64_t>(bytes, 16),
                   .graph = bytes.substr(kHeadBytes, whole - kHeadBytes)};
}

Result<GraphShape> check_graph_stream(std::string_view graph) {
  ASSIGN_OR_RETURN(const StreamHead head, read_head(graph));
  return StreamCheck(graph, head).run();
}

}  // namespace rage::vector::detail
