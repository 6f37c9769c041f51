#include "cli/auto_index_source.h"

#include <cstdint>
#include <utility>

#include "base/base64.h"
#include "base/files.h"
#include "base/strings.h"
#include "cli/document_files.h"

namespace rage::cli {
namespace {

namespace fs = std::filesystem;
using codec::Json;

constexpr std::uint64_t kSecretBytesMax = 64 << 10;

Result<std::string> read_secret(const fs::path& file) {
  auto content = read_file(file, kSecretBytesMax);
  if (!content && content.error().code == ErrorCode::kNotFound) return std::string();
  if (!content) return fail(std::move(content).error());
  return std::string(trim(*content));  // Secrets made from files often end in a line break.
}

fs::path if_there(const fs::path& file) {
  std::error_code error;
  return fs::is_regular_file(file, error) ? file : fs::path();
}

}  // namespace

Result<Credentials> load_credentials(const fs::path& folder) {
  Credentials credentials;
  if (folder.empty()) return credentials;
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return fail(ErrorCode::kInvalidArgument, "{} is no folder with credentials", folder.string());
  }
  ASSIGN_OR_RETURN(credentials.username, read_secret(folder / "username"));
  ASSIGN_OR_RETURN(credentials.password, read_secret(folder / "password"));
  ASSIGN_OR_RETURN(credentials.token, read_secret(folder / "token"));
  credentials.ssh_key = if_there(folder / "ssh-privatekey");
  credentials.known_hosts = if_there(folder / "known_hosts");
  return credentials;
}

std::string authorization_of(const Credentials& credentials) {
  if (!credentials.token.empty()) return "Bearer " + credentials.token;
  if (credentials.username.empty() && credentials.password.empty()) return {};
  return "Basic " + encode_base64(credentials.username + ":" + credentials.password);
}

Result<std::vector<SourceDocument>> documents_of_file(const Context& context, std::string_view name,
                                                      std::string_view content,
                                                      const char* place_key,
                                                      const std::string& place,
                                                      std::string_view owner) {
  if (!is_convertible_name(name) && content.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::kInvalidArgument, "not text");
  }
  ASSIGN_OR_RETURN(auto parsed, read_documents(context, name, content));
  std::vector<SourceDocument> documents;
  for (DocumentJson& document : parsed) {
    std::string text = codec::string_or(document, "text", "");
    if (trim(text).empty()) continue;
    Json metadata = std::move(document["metadata"]);
    // What a file says of itself must not make it somebody else's.
    for (const char* key : {kPathKey, kEtagKey, kModifiedKey}) metadata.erase(key);
    metadata[kOwnerKey] = owner;
    metadata[place_key] = place;
    documents.push_back({.place = place, .text = std::move(text), .metadata = std::move(metadata)});
  }
  return documents;
}

}  // namespace rage::cli
