#include "models/file_hash.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <memory>
#include <vector>

#include "base/check.h"
#include "base/strings.h"

namespace rage::models {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

std::string hex_of(const unsigned char* bytes, unsigned size) {
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", bytes[i]);
  return hex;
}

Result<std::string> digest_of_file(const std::filesystem::path& path, const EVP_MD* algorithm,
                                   std::string_view prefix) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::kNotFound, "cannot open {}", path.string());
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  CHECK(context != nullptr);
  if (EVP_DigestInit_ex(context.get(), algorithm, nullptr) != 1) {
    return fail(ErrorCode::kUnimplemented, "this OpenSSL refuses the hash that the hub uses");
  }
  CHECK(EVP_DigestUpdate(context.get(), prefix.data(), prefix.size()) == 1);
  std::vector<char> block(kBlockBytes);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    CHECK(EVP_DigestUpdate(context.get(), block.data(), static_cast<std::size_t>(file.gcount())) ==
          1);
  }
  if (file.bad()) return fail(ErrorCode::kUnavailable, "cannot read {}", path.string());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(EVP_DigestFinal_ex(context.get(), digest.data(), &size) == 1);
  return hex_of(digest.data(), size);
}

}  // namespace

Result<std::string> sha256_of_file(const std::filesystem::path& path) {
  return digest_of_file(path, EVP_sha256(), {});
}

Result<std::string> git_blob_sha1_of_file(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error)
    return fail(ErrorCode::kNotFound, "cannot stat {}: {}", path.string(), error.message());
  std::string prefix = fmt::format("blob {}", bytes);
  prefix.push_back('\0');
  return digest_of_file(path, EVP_sha1(), prefix);
}

Result<bool> matches_hub_etag(const std::filesystem::path& path, std::string_view etag) {
  const bool hex =
      std::ranges::all_of(etag, [](char c) { return is_ascii_digit(c) || (c >= 'a' && c <= 'f'); });
  if (hex && etag.size() == 64) {
    ASSIGN_OR_RETURN(const std::string actual, sha256_of_file(path));
    return actual == etag;
  }
  if (hex && etag.size() == 40) {
    ASSIGN_OR_RETURN(const std::string actual, git_blob_sha1_of_file(path));
    return actual == etag;
  }
  return fail(ErrorCode::kDataLoss, "the hub states no hash to check the file against");
}

}  // namespace rage::models
