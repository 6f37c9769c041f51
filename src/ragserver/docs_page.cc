#include "ragserver/docs_page.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/strings.h"
#include "codec/documents.h"

namespace rage::ragserver {
namespace {

using codec::Json;

constexpr std::string_view kStyle =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
    "1rem;color:#1b1b1b;"
    "background:#fff}h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid #ccc}"
    "h3{font-size:1rem;margin:1.8rem 0 .3rem}code{font:14px/1.4 ui-monospace,monospace}"
    ".m{display:inline-block;min-width:4.2rem;font-weight:700}table{border-collapse:collapse;"
    "margin:.5rem 0}"
    "td,th{text-align:left;vertical-align:top;padding:.15rem .9rem .15rem 0;font-size:.92rem}"
    "a{color:#0b57d0}@media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}a{"
    "color:#8ab4f8}}";

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string name_of_reference(const Json& schema) {
  const std::string reference = codec::text_at(schema, {"$ref"});
  return reference.substr(reference.rfind('/') + 1);
}

// "integer, 1 to 100, default 10", a link to a schema, "list of Document".
std::string describe_type(const Json& schema) {
  if (const std::string name = name_of_reference(schema); !name.empty()) {
    return fmt::format("<a href=\"#{0}\">{0}</a>", escape(name));
  }
  if (const Json& options = codec::list_at(schema, {"anyOf"}); !options.empty()) {
    std::vector<std::string> types;
    for (const Json& option : options) types.push_back(describe_type(option));
    return join(types, " or ");
  }
  if (const Json& values = codec::list_at(schema, {"enum"}); !values.empty()) {
    std::vector<std::string> words;
    for (const Json& value : values) words.push_back(escape(codec::render_json(value)));
    return join(words, ", ");
  }
  std::string type = codec::text_at(schema, {"type"}, "any value");
  if (const Json* items = codec::find_key(schema, "items"))
    type = "list of " + describe_type(*items);
  const Json* least = codec::find_key(schema, "minimum");
  const Json* most = codec::find_key(schema, "maximum");
  if (least != nullptr) type += ", from " + codec::render_json(*least);
  if (most != nullptr) type += " to " + codec::render_json(*most);
  if (const Json* fallback = codec::find_key(schema, "default")) {
    type += ", default " + escape(codec::render_json(*fallback));
  }
  return type;
}

std::string row(std::string_view name, const Json& schema, bool required,
                std::string_view description) {
  return fmt::format("<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td></tr>\n", escape(name),
                     required ? " *" : "", describe_type(schema), escape(description));
}

std::string render_operation(std::string_view method, std::string_view path,
                             const Json& operation) {
  std::string upper;
  for (const char c : method) upper += static_cast<char>(c - 'a' + 'A');
  std::string out =
      fmt::format("<h3 id=\"{}\"><span class=\"m\">{}</span> <code>{}</code></h3>\n<p>{}.</p>\n",
                  escape(codec::text_at(operation, {"operationId"})), upper, escape(path),
                  escape(codec::text_at(operation, {"summary"})));
  std::string rows;
  for (const Json& parameter : codec::list_at(operation, {"parameters"})) {
    rows +=
        row(codec::text_at(parameter, {"name"}), codec::map_at(parameter, {"schema"}),
            codec::flag_at(parameter, {"required"}), codec::text_at(parameter, {"description"}));
  }
  const Json& body =
      codec::map_at(operation, {"requestBody", "content", "application/json", "schema"});
  if (!body.empty()) rows += row("body", body, true, "JSON");
  if (!rows.empty()) out += "<table>\n" + rows + "</table>\n";
  out += "<table>\n";
  for (const auto& [status, response] : codec::map_at(operation, {"responses"}).items()) {
    const Json& schema = codec::map_at(response, {"content", "application/json", "schema"});
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n", status,
                       schema.empty() ? std::string() : describe_type(schema),
                       escape(codec::text_at(response, {"description"})));
  }
  return out + "</table>\n";
}

std::string render_schema(std::string_view name, const Json& schema) {
  std::string out = fmt::format("<h3 id=\"{0}\">{0}</h3>\n", escape(name));
  const std::string description = codec::text_at(schema, {"description"});
  if (!description.empty()) out += "<p>" + escape(description) + ".</p>\n";
  const Json& required = codec::list_at(schema, {"required"});
  out += "<table>\n";
  for (const auto& [key, property] : codec::map_at(schema, {"properties"}).items()) {
    const bool needed = std::find(required.begin(), required.end(), key) != required.end();
    out += row(key, property, needed, codec::text_at(property, {"description"}));
  }
  return out + "</table>\n";
}

}  // namespace

net::HttpResponse docs_page(const Json& openapi) {
  const std::string title = escape(codec::text_at(openapi, {"info", "title"}));
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n"
      "<meta name=\"viewport\" content=\"width=device-width\"><style>{1}</style></head><body>\n"
      "<h1>{0}</h1>\n<p>{2} <a href=\"/openapi.json\">openapi.json</a> is the same for programs. "
      "Fields with * are required.</p>\n",
      title, kStyle, escape(codec::text_at(openapi, {"info", "description"})));
  std::string tag;
  for (const auto& [path, operations] : codec::map_at(openapi, {"paths"}).items()) {
    for (const auto& [method, operation] : operations.items()) {
      const std::string its_tag = operation["tags"][0].get<std::string>();
      if (its_tag != tag) page += fmt::format("<h2>{}</h2>\n", escape(its_tag));
      tag = its_tag;
      page += render_operation(method, path, operation);
    }
  }
  page += "<h2>Schemas</h2>\n";
  for (const auto& [name, schema] : codec::map_at(openapi, {"components", "schemas"}).items()) {
    page += render_schema(name, schema);
  }
  page += "</body></html>\n";
  return {.status = 200,
          .headers = {{"content-type", "text/html; charset=utf-8"},
                      {"content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"}},
          .body = std::move(page)};
}

}  // namespace rage::ragserver
