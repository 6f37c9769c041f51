#include "models/reference.h"

#include <algorithm>

#include "base/strings.h"

namespace rage::models {
namespace {

constexpr std::size_t kReferenceBytesMax = 4096;
constexpr std::size_t kNameBytesMax = 96;  // The hub's own limit.
constexpr std::size_t kPathBytesMax = 1024;

bool is_name_character(char c) {
  return is_ascii_alpha(c) || is_ascii_digit(c) || c == '-' || c == '_' || c == '.';
}

// The hub's rule for names. Without "--" the cache's folder "org--repo" has one reading only.
bool is_name(std::string_view name) {
  const auto is_edge = [](char c) { return c != '-' && c != '.'; };
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::ranges::all_of(name, is_name_character) && is_edge(name.front()) &&
         is_edge(name.back()) && name.find("--") == std::string_view::npos &&
         name.find("..") == std::string_view::npos;
}

bool is_plain_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte != 0x7f && c != '\\';
}

std::unexpected<Error> refuse(std::string_view text, std::string_view why) {
  // Shown to people: nothing that could move the terminal's cursor, nothing endless.
  std::string shown(text.substr(0, 200));
  std::ranges::replace_if(shown, [](char c) { return !is_plain_character(c); }, '?');
  return fail(ErrorCode::kInvalidArgument, "not a model reference: '{}': {}", shown, why);
}

// "refs/pr/7/file" -> "refs/pr/7"; "main/file" -> "main".
std::string_view leading_revision(std::string_view text) {
  std::size_t end = text.find('/');
  if (text.starts_with("refs/pr/") || text.starts_with("refs/convert/")) {
    end = text.find('/', text.find('/', end + 1) + 1);
  }
  return text.substr(0, end);
}

bool is_revision(std::string_view revision) {
  return !revision.empty() && revision.size() <= 2 * kNameBytesMax && revision.back() != '/' &&
         revision.front() != '.' && revision.front() != '-' &&
         revision.find("..") == std::string_view::npos &&
         std::ranges::all_of(revision, [](char c) { return is_name_character(c) || c == '/'; });
}

Result<ModelReference> parse_packaged(std::string_view text, std::string_view name) {
  if (!is_name(name)) return refuse(text, "expected packaged:NAME");
  return ModelReference{.source = ModelSource::kPackaged, .name = std::string(name)};
}

Result<ModelReference> parse_file(std::string_view text, std::string_view path) {
  if (path.starts_with("///")) path.remove_prefix(2);
  if (path.starts_with("//")) return refuse(text, "a file of another host");
  if (path.empty()) return refuse(text, "expected file:PATH");
  if (!std::ranges::all_of(path, is_plain_character)) {
    return refuse(text, "control character or backslash in the path");
  }
  return ModelReference{.source = ModelSource::kFile, .path = std::string(path)};
}

Result<ModelReference> parse_hub(std::string_view text, std::string_view rest) {
  constexpr std::string_view kExpected = "expected org/repo[@revision][/file]";
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) {
    return refuse(text, "expected packaged:NAME, file:PATH or hf://org/repo");
  }
  ModelReference reference{.source = ModelSource::kHub,
                           .organization = std::string(rest.substr(0, slash)),
                           .revision = "main"};
  rest.remove_prefix(slash + 1);
  const std::size_t end = std::min(rest.find_first_of("@/"), rest.size());
  reference.repository = std::string(rest.substr(0, end));
  rest.remove_prefix(end);
  if (!is_name(reference.organization) || !is_name(reference.repository)) {
    return refuse(text, kExpected);
  }
  if (rest.starts_with('@')) {
    reference.revision = std::string(leading_revision(rest.substr(1)));
    rest.remove_prefix(1 + reference.revision.size());
    if (!is_revision(reference.revision)) return refuse(text, "the revision is not valid");
  }
  if (rest.starts_with('/')) {
    reference.file = std::string(rest.substr(1));
    if (!is_safe_relative_path(reference.file)) return refuse(text, "the file name is not valid");
  }
  return reference;
}

}  // namespace

bool is_safe_relative_path(std::string_view path) {
  if (path.empty() || path.size() > kPathBytesMax) return false;
  return std::ranges::all_of(split(path, '/'), [](std::string_view part) {
    return !part.empty() && part != "." && part != ".." && part.size() <= 255 &&
           std::ranges::all_of(part, is_plain_character);
  });
}

bool is_commit(std::string_view text) {
  return text.size() == 40 && std::ranges::all_of(text, [](char c) {
           return is_ascii_digit(c) || (c >= 'a' && c <= 'f');
         });
}

Result<ModelReference> parse_model_reference(std::string_view text) {
  if (text.size() > kReferenceBytesMax) return refuse(text, "too long");
  const auto after = [text](std::string_view prefix) { return text.substr(prefix.size()); };
  if (text.starts_with("packaged:")) return parse_packaged(text, after("packaged:"));
  if (text.starts_with("file:")) return parse_file(text, after("file:"));
  if (text.starts_with("hf://")) return parse_hub(text, after("hf://"));
  return parse_hub(text, text);
}

std::string hub_repository_id(const ModelReference& reference) {
  return fmt::format("{}/{}", reference.organization, reference.repository);
}

std::string render_model_reference(const ModelReference& reference) {
  switch (reference.source) {
    case ModelSource::kPackaged:
      return fmt::format("packaged:{}", reference.name);
    case ModelSource::kFile:
      return fmt::format("file:{}", reference.path);
    case ModelSource::kHub:
      break;
  }
  std::string text = fmt::format("hf://{}", hub_repository_id(reference));
  if (reference.revision != "main") text += fmt::format("@{}", reference.revision);
  if (!reference.file.empty()) text += fmt::format("/{}", reference.file);
  return text;
}

}  // namespace rage::models
