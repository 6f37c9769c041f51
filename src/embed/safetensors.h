// Reads the safetensors format (https://huggingface.co/docs/safetensors): an 8-byte little-endian
// header length, a JSON header, then the tensors' bytes. The file is mapped, never copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::embed {

enum class TensorType { kF32, kF16, kBf16, kOther };  // kOther: present, but we never read it.

// Value. `offset` counts from the start of the file; the range is known to lie inside it, and for
// the floating types `bytes` is exactly what the shape needs.
struct TensorInfo {
  TensorType type = TensorType::kOther;
  std::vector<std::uint64_t> shape;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

using TensorTable = std::map<std::string, TensorInfo, std::less<>>;

// An encoder of 24 layers needs 50 KB.
inline constexpr std::uint64_t kSafetensorsHeaderBytesMax = std::uint64_t{1} << 20;

// `file_start` is the beginning of the file, at least the header; `file_bytes` the whole file's
// size. kDataLoss names what is wrong. Untrusted bytes are welcome.
Result<TensorTable> parse_safetensors_header(std::string_view file_start, std::uint64_t file_bytes);

// Resource. Thread-safe. Tensor bytes stay valid as long as it lives; somebody who truncates the
// file meanwhile kills the process, so model files are replaced by renaming, never in place.
class SafetensorsFile final {
 public:
  static Result<std::shared_ptr<const SafetensorsFile>> open(const std::filesystem::path& path);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const TensorInfo* find(std::string_view name) const;  // Null if absent.
  std::span<const std::byte> bytes_of(const TensorInfo& tensor) const;

  // Pages read so far leave our resident memory; the system reads them again when touched.
  void release_pages() const;

 private:
  SafetensorsFile(const std::byte* mapping, std::uint64_t bytes, TensorTable tensors);

  const std::byte* mapping_;
  std::uint64_t bytes_;
  TensorTable tensors_;
};

}  // namespace rage::embed
