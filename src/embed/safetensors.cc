#include "embed/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "codec/json.h"

namespace rage::embed {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kDimensionsMax = 8;

TensorType parse_type(std::string_view name) {
  if (name == "F32") return TensorType::kF32;
  if (name == "F16") return TensorType::kF16;
  if (name == "BF16") return TensorType::kBf16;
  return TensorType::kOther;
}

std::uint64_t element_bytes(TensorType type) {
  return type == TensorType::kF32 ? 4 : 2;
}

// The element count times `unit`; false when it does not fit 64 bits.
bool multiply_shape(const std::vector<std::uint64_t>& shape, std::uint64_t unit,
                    std::uint64_t& product) {
  product = unit;
  for (const std::uint64_t extent : shape) {
    if (__builtin_mul_overflow(product, extent, &product)) return false;
  }
  return true;
}

bool parse_numbers(const codec::Json* value, std::size_t count_max,
                   std::vector<std::uint64_t>& numbers) {
  if (value == nullptr || !value->is_array() || value->size() > count_max) return false;
  for (const codec::Json& number : *value) {
    if (!number.is_number_unsigned()) return false;
    numbers.push_back(number.get<std::uint64_t>());
  }
  return true;
}

Result<TensorInfo> parse_tensor(const codec::Json& entry, std::uint64_t data_start,
                                std::uint64_t data_bytes) {
  TensorInfo tensor{.type = parse_type(codec::string_or(entry, "dtype", ""))};
  std::vector<std::uint64_t> range;
  if (!parse_numbers(codec::find_key(entry, "shape"), kDimensionsMax, tensor.shape)) {
    return fail(ErrorCode::kDataLoss, "'shape' must be a list of at most {} sizes", kDimensionsMax);
  }
  if (!parse_numbers(codec::find_key(entry, "data_offsets"), 2, range) || range.size() != 2 ||
      range[0] > range[1] || range[1] > data_bytes) {
    return fail(ErrorCode::kDataLoss, "'data_offsets' must be two places inside the file");
  }
  tensor.offset = data_start + range[0];
  tensor.bytes = range[1] - range[0];
  std::uint64_t needed = 0;
  if (tensor.type != TensorType::kOther &&
      (!multiply_shape(tensor.shape, element_bytes(tensor.type), needed) ||
       needed != tensor.bytes)) {
    return fail(ErrorCode::kDataLoss, "'shape' does not match the bytes stored");
  }
  return tensor;
}

}  // namespace

Result<TensorTable> parse_safetensors_header(std::string_view file_start,
                                             std::uint64_t file_bytes) {
  if (file_start.size() < kLengthBytes) return fail(ErrorCode::kDataLoss, "the file is too short");
  std::uint64_t header_bytes = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    header_bytes = header_bytes << 8U | static_cast<unsigned char>(file_start[i]);
  }
  if (header_bytes > kSafetensorsHeaderBytesMax) {
    return fail(ErrorCode::kDataLoss, "the header claims {} bytes, more than the limit of {}",
                header_bytes, kSafetensorsHeaderBytesMax);
  }
  if (header_bytes > file_start.size() - kLengthBytes) {
    return fail(ErrorCode::kDataLoss, "the header is cut off");
  }
  const auto header =
      codec::parse_json(file_start.substr(kLengthBytes, header_bytes), {.depth_max = 8});
  if (!header || !header->is_object()) {
    return fail(ErrorCode::kDataLoss, "the header is not a JSON object");
  }
  const std::uint64_t data_start = kLengthBytes + header_bytes;
  TensorTable tensors;
  for (const auto& [name, entry] : header->items()) {
    if (name == "__metadata__") continue;
    auto tensor = parse_tensor(entry, data_start, file_bytes - data_start);
    if (!tensor) return fail(std::move(tensor).error().with_context("tensor '" + name + "'"));
    tensors.insert_or_assign(name, *std::move(tensor));
  }
  return tensors;
}

Result<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::open(
    const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
    return fail(code, "cannot open {}: {}", path.string(), std::strerror(errno));
  }
  struct stat status = {};
  const bool is_file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
  const auto bytes = is_file ? static_cast<std::uint64_t>(status.st_size) : 0;
  void* mapping = is_file ? ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
  ::close(fd);
  if (mapping == MAP_FAILED) {
    return fail(ErrorCode::kDataLoss, "{} is empty or cannot be mapped", path.string());
  }
  auto tensors = parse_safetensors_header({static_cast<const char*>(mapping), bytes}, bytes);
  if (!tensors) {
    ::munmap(mapping, bytes);
    return fail(std::move(tensors).error().with_context(path.string()));
  }
  return std::shared_ptr<const SafetensorsFile>(
      new SafetensorsFile(static_cast<const std::byte*>(mapping), bytes, *std::move(tensors)));
}

SafetensorsFile::SafetensorsFile(const std::byte* mapping, std::uint64_t bytes, TensorTable tensors)
    : mapping_(mapping), bytes_(bytes), tensors_(std::move(tensors)) {}

SafetensorsFile::~SafetensorsFile() {
  ::munmap(const_cast<std::byte*>(mapping_), bytes_);
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

std::span<const std::byte> SafetensorsFile::bytes_of(const TensorInfo& tensor) const {
  return {mapping_ + tensor.offset, tensor.bytes};
}

void SafetensorsFile::release_pages() const {
  ::madvise(const_cast<std::byte*>(mapping_), bytes_, MADV_DONTNEED);
}

}  // namespace rage::embed
