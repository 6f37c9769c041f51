#include "embed/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/files.h"

namespace rage::embed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string a_file(std::string_view header, std::size_t data_bytes) {
  std::string file;
  for (std::size_t i = 0; i < 8; ++i) {
    file += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> (8 * i) & 0xFFU);
  }
  file += header;
  file.append(data_bytes, 'x');
  return file;
}

std::string a_tensor(std::string_view type, std::string_view shape, std::string_view offsets) {
  return R"({"t":{"dtype":")" + std::string(type) + R"(","shape":)" + std::string(shape) +
         R"(,"data_offsets":)" + std::string(offsets) + "}}";
}

TEST(Safetensors, FindsTensorsWhereTheHeaderSays) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},)"
      R"("c":{"dtype":"I64","shape":[1],"data_offsets":[26,34]}})";
  const std::string file = a_file(header, 34);
  const auto tensors = parse_safetensors_header(file, file.size());
  ASSERT_TRUE(tensors) << tensors.error().message;
  ASSERT_EQ(tensors->size(), 3U);
  const TensorInfo& a = tensors->at("a");
  EXPECT_EQ(a.type, TensorType::kF32);
  EXPECT_THAT(a.shape, ElementsAre(2, 3));
  EXPECT_EQ(a.offset, 8 + header.size());
  EXPECT_EQ(a.bytes, 24U);
  EXPECT_EQ(tensors->at("b").type, TensorType::kBf16);
  EXPECT_EQ(tensors->at("c").type, TensorType::kOther);
}

struct BadHeader {
  std::string file;
  std::string_view reason;
};

// A damaged or hostile file must be refused by name, not read out of bounds.
TEST(Safetensors, RefusesWhatDoesNotAddUp) {
  const BadHeader cases[] = {
      {"", "too short"},
      {std::string(7, '\0'), "too short"},
      {std::string(8, '\xFF'), "more than the limit"},
      {std::string("\x10\0\0\0\0\0\0\0{}", 10), "cut off"},
      {a_file("[]", 0), "not a JSON object"},
      {a_file("{\"t\"", 0), "not a JSON object"},
      {a_file(R"({"t":1})", 0), "tensor 't': 'shape'"},
      {a_file(a_tensor("F32", "[1]", "[0,4]"), 3), "'data_offsets'"},
      {a_file(a_tensor("F32", "[1]", "[4,0]"), 8), "'data_offsets'"},
      {a_file(a_tensor("F32", "[1]", "[0,4,8]"), 8), "'data_offsets'"},
      {a_file(a_tensor("F32", "[1]", "[-4,0]"), 8), "'data_offsets'"},
      {a_file(a_tensor("F32", "[1]", "[0,18446744073709551615]"), 8), "'data_offsets'"},
      {a_file(a_tensor("F32", "[2]", "[0,4]"), 8), "does not match"},
      {a_file(a_tensor("F16", "[4294967296,4294967296]", "[0,0]"), 8), "does not match"},
      {a_file(a_tensor("F32", "[-1]", "[0,4]"), 8), "'shape'"},
      {a_file(a_tensor("F32", "[1.5]", "[0,4]"), 8), "'shape'"},
      {a_file(a_tensor("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 8), "'shape'"},
  };
  for (const auto& [file, reason] : cases) {
    const auto tensors = parse_safetensors_header(file, file.size());
    ASSERT_FALSE(tensors) << reason;
    EXPECT_EQ(tensors.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(tensors.error().message, HasSubstr(reason));
  }
}

TEST(SafetensorsFile, MapsTheBytesOfATensor) {
  auto directory = TemporaryDirectory::create("rage-safetensors-");
  ASSERT_TRUE(directory);
  const auto path = (*directory)->path() / "model.safetensors";
  const float values[] = {1.5F, -2.0F};
  std::string file = a_file(a_tensor("F32", "[2]", "[0,8]"), 0);
  file.append(reinterpret_cast<const char*>(values), sizeof(values));
  ASSERT_TRUE(write_file_atomically(path, file));
  const auto opened = SafetensorsFile::open(path);
  ASSERT_TRUE(opened) << opened.error().message;
  const TensorInfo* tensor = (*opened)->find("t");
  ASSERT_NE(tensor, nullptr);
  (*opened)->release_pages();  // Only gives memory back; the bytes stay readable.
  const auto bytes = (*opened)->bytes_of(*tensor);
  ASSERT_EQ(bytes.size(), sizeof(values));
  EXPECT_EQ(std::memcmp(bytes.data(), values, sizeof(values)), 0);
  EXPECT_EQ((*opened)->find("u"), nullptr);
}

TEST(SafetensorsFile, NamesTheFileItCannotOpen) {
  auto directory = TemporaryDirectory::create("rage-safetensors-");
  ASSERT_TRUE(directory);
  const auto absent = SafetensorsFile::open((*directory)->path() / "absent");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(absent.error().message, HasSubstr("absent"));
  const auto folder = SafetensorsFile::open((*directory)->path());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::kDataLoss);
}

}  // namespace
}  // namespace rage::embed
