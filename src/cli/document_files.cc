#include "cli/document_files.h"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <set>

#include "base/files.h"
#include "base/strings.h"
#include "cli/html_text.h"
#include "text/unicode.h"

namespace rage::cli {
namespace {

namespace fs = std::filesystem;
using codec::Json;

const std::set<std::string, std::less<>> kTextEndings = {".txt", ".md",   ".markdown",
                                                         ".rst", ".text", ""};
const std::set<std::string, std::less<>> kPageEndings = {".html", ".htm", ".xhtml"};
const std::set<std::string, std::less<>> kLineEndings = {".jsonl", ".ndjson"};

std::string ending_of(std::string_view name) {
  return to_lower_ascii(fs::path(name).extension().string());
}

// {"text", "metadata"} as the service takes it; other members of a plain record become metadata.
Result<DocumentJson> document_of(const Json& value) {
  const Json* text = codec::find_key(value, "text");
  if (text == nullptr || !text->is_string()) {
    return fail(ErrorCode::kInvalidArgument, "a document needs a member \"text\" that is a string");
  }
  Json metadata = Json::object();
  if (const Json* given = codec::find_key(value, "metadata");
      given != nullptr && given->is_object()) {
    metadata = *given;
  } else {
    for (const auto& [key, member] : value.items()) {
      if (key != "text" && key != "metadata") metadata[key] = member;
    }
  }
  return Json{{"text", *text}, {"metadata", std::move(metadata)}};
}

Result<std::vector<DocumentJson>> documents_of(const Json& value) {
  const Json* list = codec::find_key(value, "documents");
  if (list == nullptr && value.is_array()) list = &value;
  std::vector<DocumentJson> documents;
  if (list == nullptr) {
    ASSIGN_OR_RETURN(documents.emplace_back(), document_of(value));
    return documents;
  }
  if (!list->is_array()) return fail(ErrorCode::kInvalidArgument, "\"documents\" must be a list");
  for (const Json& entry : *list) {
    ASSIGN_OR_RETURN(documents.emplace_back(), document_of(entry));
  }
  return documents;
}

Result<std::vector<DocumentJson>> parse_lines(std::string_view content) {
  std::vector<DocumentJson> documents;
  std::size_t number = 0;
  for (const std::string_view line : split(content, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    auto value = codec::parse_json(line);
    if (!value) return fail(Error(value.error()).with_context(fmt::format("line {}", number)));
    auto document = document_of(*value);
    if (!document)
      return fail(Error(document.error()).with_context(fmt::format("line {}", number)));
    documents.push_back(*std::move(document));
  }
  return documents;
}

void load_content(const std::string& path, std::string_view content, LoadedDocuments& loaded) {
  auto documents = parse_documents(path, content);
  if (!documents) {
    loaded.skipped.push_back({path, documents.error().message});
    return;
  }
  std::ranges::move(*documents, std::back_inserter(loaded.documents));
}

void load_file(const fs::path& path, LoadedDocuments& loaded) {
  const auto content = read_file(path, kFileBytesMax);
  if (!content) {
    loaded.skipped.push_back({path.string(), content.error().message});
    return;
  }
  load_content(path.string(), *content, loaded);
}

void load_folder(const fs::path& folder, LoadedDocuments& loaded) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied,
                                         error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->path().filename().string().starts_with('.')) {
      if (entry->is_directory(error)) entry.disable_recursion_pending();
      continue;
    }
    if (entry->is_regular_file(error)) files.push_back(entry->path());
  }
  if (error) loaded.skipped.push_back({folder.string(), error.message()});
  std::ranges::sort(files);
  for (const fs::path& file : files) load_file(file, loaded);
}

}  // namespace

bool is_document_name(std::string_view name) {
  const std::string ending = ending_of(name);
  return ending == ".json" || kLineEndings.contains(ending) || kTextEndings.contains(ending) ||
         kPageEndings.contains(ending);
}

Result<std::vector<DocumentJson>> parse_documents(std::string_view name, std::string_view content) {
  const std::string ending = ending_of(name);
  if (kLineEndings.contains(ending)) return parse_lines(content);
  if (ending == ".json") {
    ASSIGN_OR_RETURN(const Json value, codec::parse_json(content));
    return documents_of(value);
  }
  const bool page = kPageEndings.contains(ending);
  if (!page && !kTextEndings.contains(ending)) {
    return fail(ErrorCode::kUnimplemented,
                "files ending in {} cannot be read yet; text, Markdown, HTML, JSON and JSON lines "
                "can",
                ending);
  }
  if (!text::is_valid_utf8(content)) return fail(ErrorCode::kInvalidArgument, "not UTF-8 text");
  Json metadata = Json::object();
  if (name != "-") metadata["file_path"] = name;
  HtmlText read;
  if (page) {
    read = read_html(content);
    if (!read.title.empty()) metadata["title"] = read.title;
    content = read.text;
  }
  if (trim(content).empty()) return fail(ErrorCode::kInvalidArgument, "empty");
  std::vector<DocumentJson> documents;
  documents.push_back({{"text", content}, {"metadata", std::move(metadata)}});
  return documents;
}

LoadedDocuments load_documents(const std::vector<std::string>& paths) {
  LoadedDocuments loaded;
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-") {
      const std::string content(std::istreambuf_iterator<char>(std::cin), {});
      const bool json = trim(content).starts_with('{') || trim(content).starts_with('[');
      // Standard input has no name: JSON lines and JSON are told from text by their first
      // character.
      const bool one_value = json && codec::parse_json(content).has_value();
      load_content(one_value ? "-.json" : json ? "-.jsonl" : "-", content, loaded);
    } else if (fs::is_directory(path, error)) {
      load_folder(path, loaded);
    } else {
      load_file(path, loaded);
    }
  }
  return loaded;
}

}  // namespace rage::cli
