#include "kustomize/detail/kustomization.h"

#include <algorithm>
#include <array>
#include <optional>

namespace rage::kustomize {
namespace {

// What kustomize has and this has not, with what to do instead.
struct Unsupported {
  std::string_view field;
  std::string_view advice;
};
constexpr std::array kUnsupported = {
    Unsupported{"helmCharts",
                "render the chart with `helm template` and list the result in resources"},
    Unsupported{"helmChartInflationGenerator", "render the chart with `helm template`"},
    Unsupported{"helmGlobals", "render the chart with `helm template`"},
    Unsupported{"vars", "use a patch"},
    Unsupported{"replacements", "use a patch"},
    Unsupported{"generators", "list what they make in resources"},
    Unsupported{"transformers", "use a patch, labels or images"},
    Unsupported{"validators", "run them yourself"},
    Unsupported{"crds", "use configurations with nameReference"},
    Unsupported{"openapi", "use a JSON patch where lists should merge"},
};
constexpr std::array<std::string_view, 24> kKnown = {"apiVersion",
                                                     "kind",
                                                     "metadata",
                                                     "resources",
                                                     "bases",
                                                     "components",
                                                     "configMapGenerator",
                                                     "secretGenerator",
                                                     "generatorOptions",
                                                     "namespace",
                                                     "namePrefix",
                                                     "nameSuffix",
                                                     "labels",
                                                     "commonLabels",
                                                     "commonAnnotations",
                                                     "patches",
                                                     "patchesStrategicMerge",
                                                     "patchesJson6902",
                                                     "images",
                                                     "replicas",
                                                     "configurations",
                                                     "sortOptions",
                                                     "buildMetadata",
                                                     "inventory"};

// Reads the fields of one map and remembers the first thing that is wrong.
class Reader {
 public:
  Reader(const Json& node, std::string where) : node_(node), where_(std::move(where)) {
    if (!node.is_object() && !node.is_null()) complain("is not a map");
  }

  std::string text(const char* key) {
    const Json* value = codec::find_key(node_, key);
    if (value == nullptr || value->is_null()) return "";
    if (value->is_string()) return value->get<std::string>();
    if (value->is_number() || value->is_boolean()) return codec::render_json(*value);
    complain(fmt::format("{} is not a text", key));
    return "";
  }
  bool flag(const char* key, bool fallback = false) {
    const Json* value = codec::find_key(node_, key);
    if (value == nullptr || value->is_null()) return fallback;
    if (!value->is_boolean()) {
      complain(fmt::format("{} is neither true nor false", key));
      return fallback;
    }
    return value->get<bool>();
  }
  // The items of a list; none if it is absent.
  std::vector<Json> list(const char* key) {
    const Json* value = codec::find_key(node_, key);
    if (value == nullptr || value->is_null()) return {};
    if (!value->is_array()) {
      complain(fmt::format("{} is not a list", key));
      return {};
    }
    return {value->begin(), value->end()};
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> found;
    for (const Json& item : list(key)) {
      if (item.is_string()) {
        found.push_back(item.get<std::string>());
      } else {
        complain(fmt::format("{} holds something that is not a text", key));
      }
    }
    return found;
  }
  Pairs pairs(const char* key) {
    const Json* value = codec::find_key(node_, key);
    if (value == nullptr || value->is_null()) return {};
    Pairs found;
    if (!value->is_object()) {
      complain(fmt::format("{} is not a map", key));
      return found;
    }
    for (const auto& [name, text] : value->items()) {
      found.emplace_back(name,
                         text.is_string() ? text.get<std::string>() : codec::render_json(text));
    }
    return found;
  }
  const Json& child(const char* key) const {
    static const Json none = nullptr;
    const Json* value = codec::find_key(node_, key);
    return value == nullptr ? none : *value;
  }
  const std::string& where() const { return where_; }
  void complain(const std::string& what) {
    if (!error_) {
      error_ = Error{ErrorCode::kInvalidArgument, fmt::format("{}: {}", where_, what)};
    }
  }
  // Of a part that was read by a reader of its own.
  void join(const Reader& part) {
    if (!error_) error_ = part.error_;
  }
  Result<void> finish() const {
    if (error_) return fail(*error_);
    return {};
  }

 private:
  const Json& node_;
  std::string where_;
  std::optional<Error> error_;
};

GeneratorOptions read_options(Reader& parent, const char* key, GeneratorOptions options) {
  Reader reader(parent.child(key), parent.where() + ": " + key);
  for (auto& pair : reader.pairs("labels")) options.labels.push_back(std::move(pair));
  for (auto& pair : reader.pairs("annotations")) options.annotations.push_back(std::move(pair));
  options.hash_wanted = options.hash_wanted && !reader.flag("disableNameSuffixHash");
  options.immutable = options.immutable || reader.flag("immutable");
  parent.join(reader);
  return options;
}

void read_generators(Reader& top, const char* key, const GeneratorOptions& defaults,
                     std::vector<Generator>& generators) {
  for (const Json& item : top.list(key)) {
    Reader reader(item, fmt::format("{}: {}", top.where(), key));
    Generator made;
    made.secret = std::string_view(key) == "secretGenerator";
    made.name = reader.text("name");
    made.ns = reader.text("namespace");
    made.type = reader.text("type");
    made.files = reader.texts("files");
    made.env_files = reader.texts("envs");
    if (auto env = reader.text("env"); !env.empty()) made.env_files.push_back(std::move(env));
    made.literals = reader.texts("literals");
    made.options = read_options(reader, "options", defaults);
    if (auto behavior = reader.text("behavior"); !behavior.empty()) made.behavior = behavior;
    if (made.name.empty()) reader.complain("an entry has no name");
    if (made.behavior != "create" && made.behavior != "replace" && made.behavior != "merge") {
      reader.complain(fmt::format("{}: behavior '{}' is none of create, replace, merge", made.name,
                                  made.behavior));
    }
    top.join(reader);
    generators.push_back(std::move(made));
  }
}

FieldSpec read_field_spec(Reader& reader) {
  return {{reader.text("group"), reader.text("version"), reader.text("kind")},
          reader.text("path"),
          reader.flag("create")};
}

std::vector<FieldSpec> read_field_specs(Reader& parent, const char* key) {
  std::vector<FieldSpec> specs;
  for (const Json& item : parent.list(key)) {
    Reader reader(item, fmt::format("{}: {}", parent.where(), key));
    specs.push_back(read_field_spec(reader));
    if (specs.back().path.empty()) reader.complain("an entry has no path");
    parent.join(reader);
  }
  return specs;
}

void read_labels(Reader& top, std::vector<LabelRule>& rules) {
  for (const Json& item : top.list("labels")) {
    Reader reader(item, top.where() + ": labels");
    rules.push_back({reader.pairs("pairs"), reader.flag("includeSelectors"),
                     reader.flag("includeTemplates"), read_field_specs(reader, "fields")});
    top.join(reader);
  }
  if (Pairs common = top.pairs("commonLabels"); !common.empty()) {
    rules.push_back({std::move(common), true, true, {}});
  }
}

PatchTarget read_target(Reader& reader) {
  return {reader.text("group"),
          reader.text("version"),
          reader.text("kind"),
          reader.text("name"),
          reader.text("namespace"),
          reader.text("labelSelector"),
          reader.text("annotationSelector")};
}

void read_patches(Reader& top, const char* key, std::vector<PatchRule>& rules) {
  for (const Json& item : top.list(key)) {
    Reader reader(item, fmt::format("{}: {}", top.where(), key));
    PatchRule rule{.text = reader.text("patch"), .path = reader.text("path")};
    if (reader.child("target").is_object()) {
      Reader target(reader.child("target"), reader.where() + ": target");
      rule.has_target = true;
      rule.target = read_target(target);
      reader.join(target);
    }
    Reader options(reader.child("options"), reader.where() + ": options");
    rule.may_rename = options.flag("allowNameChange");
    reader.join(options);
    if (rule.text.empty() == rule.path.empty()) reader.complain("an entry needs patch or path");
    top.join(reader);
    rules.push_back(std::move(rule));
  }
}

void read_images(Reader& top, std::vector<ImageRule>& rules) {
  for (const Json& item : top.list("images")) {
    Reader reader(item, top.where() + ": images");
    rules.push_back({reader.text("name"), reader.text("newName"), reader.text("newTag"),
                     reader.text("digest"), reader.text("tagSuffix")});
    if (rules.back().name.empty()) reader.complain("an entry has no name");
    top.join(reader);
  }
}

void read_replicas(Reader& top, std::vector<ReplicaRule>& rules) {
  for (const Json& item : top.list("replicas")) {
    Reader reader(item, top.where() + ": replicas");
    const Json& count = reader.child("count");
    rules.push_back(
        {reader.text("name"), count.is_number_integer() ? count.get<std::int64_t>() : 0});
    if (!count.is_number_integer()) reader.complain("count is not a whole number");
    top.join(reader);
  }
}

Result<void> check_fields(const Json& document, std::string_view file) {
  if (!document.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "{}: is not a kustomization", file);
  }
  for (const auto& [key, value] : document.items()) {
    const auto known = std::ranges::find(kUnsupported, key, &Unsupported::field);
    if (known != kUnsupported.end() && !value.empty()) {
      return fail(ErrorCode::kUnimplemented, "{}: {} is not supported; {}", file, key,
                  known->advice);
    }
    if (known == kUnsupported.end() && std::ranges::count(kKnown, key) == 0) {
      return fail(ErrorCode::kInvalidArgument, "{}: unknown field '{}'", file, key);
    }
  }
  return {};
}

}  // namespace

Result<Kustomization> read_kustomization(const Json& document, std::string_view file) {
  RETURN_IF_ERROR(check_fields(document, file));
  Reader top(document, std::string(file));
  Kustomization read;
  const std::string kind = top.text("kind");
  if (!kind.empty() && kind != "Kustomization" && kind != "Component") {
    top.complain(fmt::format("kind '{}' is neither Kustomization nor Component", kind));
  }
  read.component = kind == "Component";
  read.resources = top.texts("resources");
  for (std::string& base : top.texts("bases")) read.resources.push_back(std::move(base));
  read.components = top.texts("components");
  const GeneratorOptions defaults = read_options(top, "generatorOptions", {});
  read_generators(top, "configMapGenerator", defaults, read.generators);
  read_generators(top, "secretGenerator", defaults, read.generators);
  read.ns = top.text("namespace");
  read.name_prefix = top.text("namePrefix");
  read.name_suffix = top.text("nameSuffix");
  read_labels(top, read.labels);
  read.annotations = top.pairs("commonAnnotations");
  for (const Json& item : top.list("patchesStrategicMerge")) {
    const std::string text = item.is_string() ? item.get<std::string>() : "";
    const bool is_inline = text.find('\n') != std::string::npos;
    read.patches.push_back({.text = is_inline ? text : "", .path = is_inline ? "" : text});
  }
  read_patches(top, "patches", read.patches);
  read_patches(top, "patchesJson6902", read.patches);
  read_images(top, read.images);
  read_replicas(top, read.replicas);
  read.configurations = top.texts("configurations");
  RETURN_IF_ERROR(top.finish());
  return read;
}

Result<void> add_configuration(const Json& document, std::string_view file, FieldSpecs& specs) {
  Reader top(document, std::string(file));
  const auto add = [&](const char* key, std::vector<FieldSpec>& to) {
    for (FieldSpec& spec : read_field_specs(top, key)) to.push_back(std::move(spec));
  };
  add("commonLabels", specs.labels);
  add("labels", specs.labels);
  add("commonAnnotations", specs.annotations);
  add("images", specs.images);
  add("replicas", specs.replicas);
  add("namePrefix", specs.prefixes);
  for (const Json& item : top.list("nameReference")) {
    Reader reader(item, top.where() + ": nameReference");
    specs.names.push_back({{reader.text("group"), reader.text("version"), reader.text("kind")},
                           read_field_specs(reader, "fieldSpecs")});
    top.join(reader);
  }
  return top.finish();
}

}  // namespace rage::kustomize
