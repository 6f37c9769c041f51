#include "cli/document_files.h"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>
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
// As the service's grammars are called. A header is read as C++, which most of C is.
const std::map<std::string, std::string_view, std::less<>> kCodeEndings = {
    {".bash", "bash"},     {".c", "c"},           {".cc", "cpp"},         {".cjs", "javascript"},
    {".cpp", "cpp"},       {".cxx", "cpp"},       {".go", "go"},          {".h", "cpp"},
    {".hh", "cpp"},        {".hpp", "cpp"},       {".hxx", "cpp"},        {".java", "java"},
    {".js", "javascript"}, {".jsx", "tsx"},       {".mjs", "javascript"}, {".py", "python"},
    {".pyi", "python"},    {".rs", "rust"},       {".sh", "bash"},        {".sql", "sql"},
    {".toml", "toml"},     {".ts", "typescript"}, {".tsx", "tsx"},        {".yaml", "yaml"},
    {".yml", "yaml"},      {".css", "css"}};
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

// What merely lies in a folder need not be a document.
enum class Found { kByName, kInFolder };

void load_content(const Context& context, const std::string& path, std::string_view content,
                  const ConvertOptions& options, Found found, LoadedDocuments& loaded) {
  auto documents = read_documents(context, path, content, options);
  if (!documents) {
    const ErrorCode code = documents.error().code;
    const bool beside = code == ErrorCode::kUnimplemented || code == ErrorCode::kNotFound;
    loaded.skipped.push_back({.path = path,
                              .reason = documents.error().message,
                              .missed = found == Found::kByName || !beside});
    return;
  }
  std::ranges::move(*documents, std::back_inserter(loaded.documents));
}

void load_file(const Context& context, const fs::path& path, const ConvertOptions& options,
               Found found, LoadedDocuments& loaded) {
  const auto content = read_file(path, kFileBytesMax);
  if (!content) {
    loaded.skipped.push_back({path.string(), content.error().message});
    return;
  }
  load_content(context, path.string(), *content, options, found, loaded);
}

void load_folder(const Context& context, const fs::path& folder, const ConvertOptions& options,
                 LoadedDocuments& loaded) {
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
  for (const fs::path& file : files) {
    if (context.check()) load_file(context, file, options, Found::kInFolder, loaded);
  }
}

}  // namespace

std::string_view code_language_of(std::string_view name) {
  const auto found = kCodeEndings.find(ending_of(name));
  return found == kCodeEndings.end() ? std::string_view() : found->second;
}

bool is_document_name(std::string_view name) {
  const std::string ending = ending_of(name);
  return is_convertible_name(name) || ending == ".json" || kLineEndings.contains(ending) ||
         kTextEndings.contains(ending) || kPageEndings.contains(ending);
}

Result<std::vector<DocumentJson>> parse_documents(std::string_view name, std::string_view content) {
  const std::string ending = ending_of(name);
  if (kLineEndings.contains(ending)) return parse_lines(content);
  if (ending == ".json") {
    ASSIGN_OR_RETURN(const Json value, codec::parse_json(content));
    return documents_of(value);
  }
  const bool page = kPageEndings.contains(ending);
  const std::string_view language = code_language_of(name);
  if (!page && language.empty() && !kTextEndings.contains(ending)) {
    return fail(
        ErrorCode::kUnimplemented,
        "files ending in {} cannot be read; text, Markdown, HTML, PDF, Word (.docx), source "
        "code, JSON and JSON lines can",
        ending);
  }
  if (!text::is_valid_utf8(content)) return fail(ErrorCode::kInvalidArgument, "not UTF-8 text");
  Json metadata = Json::object();
  if (name != "-") metadata["file_path"] = name;
  if (!language.empty()) {
    metadata["split_type"] = "code";
    metadata["language"] = language;
  }
  HtmlText read;
  if (page) {
    read = read_html_as_markdown(content);
    if (!read.title.empty()) metadata["title"] = read.title;
    metadata["split_type"] = "markdown";
    content = read.text;
  }
  if (trim(content).empty()) return fail(ErrorCode::kNotFound, "there is no text in it");
  std::vector<DocumentJson> documents;
  documents.push_back({{"text", content}, {"metadata", std::move(metadata)}});
  return documents;
}

Result<std::vector<DocumentJson>> read_documents(const Context& context, std::string_view name,
                                                 std::string_view content,
                                                 const ConvertOptions& options) {
  if (!is_convertible_name(name)) return parse_documents(name, content);
  ASSIGN_OR_RETURN(const ConvertedDocument converted,
                   convert_document(context, name, content, options));
  Json metadata = {{"file_path", name}};
  if (converted.markdown) metadata["split_type"] = "markdown";
  std::vector<DocumentJson> documents;
  documents.push_back({{"text", converted.text}, {"metadata", std::move(metadata)}});
  return documents;
}

LoadedDocuments load_documents(const Context& context, const std::vector<std::string>& paths,
                               const ConvertOptions& options) {
  LoadedDocuments loaded;
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-") {
      const std::string content(std::istreambuf_iterator<char>(std::cin), {});
      const bool json = trim(content).starts_with('{') || trim(content).starts_with('[');
      // Standard input has no name: JSON lines and JSON are told from text by their first
      // character.
      const bool one_value = json && codec::parse_json(content).has_value();
      load_content(context,
                   one_value ? "-.json"
                   : json    ? "-.jsonl"
                             : "-",
                   content, options, Found::kByName, loaded);
    } else if (fs::is_directory(path, error)) {
      load_folder(context, path, options, loaded);
    } else {
      load_file(context, path, options, Found::kByName, loaded);
    }
  }
  return loaded;
}

}  // namespace rage::cli
