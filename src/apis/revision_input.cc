// What upstream hashes, byte for byte: its Go structs as encoding/json writes them.
//
// Known limit: inference.template and volume sources are typed structs upstream, which add fields
// of their own ("metadata":{"creationTimestamp":null}, "resources":{}) in the structs' order. Ours
// keep the JSON the API server stores, so the hash of a Workspace with a template differs; such a
// cluster keeps its pods anyway, because upstream never applies a changed template.
#include "apis/detail/spec_json.h"
#include "apis/inference_set.h"
#include "apis/rag_engine.h"
#include "apis/workspace.h"

namespace rage::apis {
namespace {

using detail::put_if_any;

// encoding/json escapes what a browser could take for markup, and two line separators that
// JavaScript does not allow in strings. All of them occur in JSON only inside strings.
std::string go_json(const Json& value) {
  const std::string plain = codec::render_json(value);
  std::string text;
  text.reserve(plain.size() + 1);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i];
    if (c == '<' || c == '>' || c == '&') {
      text += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    } else if (plain.compare(i, 3, "\u2028") == 0 || plain.compare(i, 3, "\u2029") == 0) {
      text += plain.compare(i, 3, "\u2028") == 0 ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      text += c;
    }
  }
  return text + "\n";  // json.Encoder ends each document with a newline.
}

Json resource_json(const Workspace& workspace) {
  if (workspace.has_resource) return render_resource_spec(workspace.resource);
  Json empty = Json::object();  // A struct in Go; its selector is a pointer without omitempty.
  empty["labelSelector"] = nullptr;
  return empty;
}

// apps/v1 StatefulSetUpdateStrategy. Ours come last and only if used: a spec that upstream could
// have written hashes as it did there.
Json update_strategy_json(const Json& spec) {
  Json json = Json::object();
  const Json* given = codec::find_key(spec, "updateStrategy");
  if (given == nullptr || !given->is_object()) return json;
  put_if_any(json, "type", codec::string_or(*given, "type", ""));
  if (const Json* rolling = codec::find_key(*given, "rollingUpdate")) {
    Json& ordered = json["rollingUpdate"] = Json::object();
    for (const char* key : {"partition", "maxUnavailable"}) {
      const Json* value = rolling->is_object() ? codec::find_key(*rolling, key) : nullptr;
      if (value != nullptr && !value->is_null()) ordered[key] = *value;
    }
  }
  for (const char* key : {"maxSurge", "progressDeadlineSeconds"}) {
    const Json* value = codec::find_key(*given, key);
    if (value != nullptr && !value->is_null() && *value != 0) json[key] = *value;
  }
  return json;
}

Json auto_upgrade_json(const InferenceSet& set, const Json& given) {
  Json json = Json::object();
  if (set.auto_upgrade.enabled) json["enabled"] = true;
  put_if_any(json, "strategy", codec::string_or(given, "strategy", ""));
  const Json* window = codec::find_key(given, "maintenanceWindow");
  if (window == nullptr || !window->is_object()) return json;
  Json& ordered = json["maintenanceWindow"] = Json::object();
  ordered["schedule"] = codec::string_or(*window, "schedule", "");
  put_if_any(ordered, "duration", codec::string_or(*window, "duration", ""));
  return json;
}

Json template_json(const InferenceSet& set) {
  Json json = Json::object();
  const Json* given = codec::find_key(set.spec, "template");
  const Json* metadata =
      given != nullptr && given->is_object() ? codec::find_key(*given, "metadata") : nullptr;
  json["metadata"] = metadata != nullptr && metadata->is_object() ? *metadata : Json::object();
  Json& resource = json["resource"] = Json::object();
  put_if_any(resource, "instanceType", set.instance_type);
  if (set.partition) resource["partition"] = detail::render_partition(*set.partition);
  json["inference"] = render_inference_spec(set.inference);
  return json;
}

Json storage_json(const RagEngine& engine) {
  Json json = Json::object();
  if (engine.volume) {
    Json& volume = json["persistentVolume"] = Json::object();
    volume["persistentVolumeClaim"] = engine.volume->claim;
    const Json* given = codec::find_key(engine.spec, "storage");
    given = given == nullptr ? nullptr : codec::find_key(*given, "persistentVolume");
    if (given != nullptr) {
      put_if_any(volume, "mountPath", codec::string_or(*given, "mountPath", ""));
    }
    put_if_any(volume, "size", engine.volume->size);
  }
  if (engine.vector_db) {
    Json& database = json["vectorDB"] = Json::object();
    put_if_any(database, "engine", engine.vector_db->engine);
    put_if_any(database, "url", engine.vector_db->url);
    put_if_any(database, "accessSecret", engine.vector_db->access_secret);
  }
  return json;
}

Json embedding_json(const RagEngine& engine) {
  Json json = Json::object();
  if (engine.remote_embedding) {
    Json& remote = json["remote"] = Json::object();
    remote["url"] = engine.remote_embedding->url;
    put_if_any(remote, "accessSecret", engine.remote_embedding->access_secret);
  }
  if (engine.local_embedding) {
    Json& local = json["local"] = Json::object();
    put_if_any(local, "image", engine.local_embedding->image);
    put_if_any(local, "imagePullSecret", engine.local_embedding->image_pull_secret);
    put_if_any(local, "modelID", engine.local_embedding->model_id);
    put_if_any(local, "modelAccessSecret", engine.local_embedding->model_access_secret);
  }
  return json;
}

Json guardrails_json(const RagEngine& engine) {
  Json json = Json::object();
  if (engine.guardrails_enabled) json["enabled"] = true;
  if (!engine.guardrails_config_map.empty()) {
    json["configMapRef"] = Json::object();
    json["configMapRef"]["name"] = engine.guardrails_config_map;
  }
  return json;
}

bool has(const Json& object, std::string_view key) {
  const Json* value = codec::find_key(object, key);
  return value != nullptr && value->is_object();
}

}  // namespace

std::string revision_input(const Workspace& workspace) {
  return go_json(resource_json(workspace)) +
         go_json(workspace.inference ? render_inference_spec(*workspace.inference) : Json()) +
         go_json(workspace.tuning ? detail::render_tuning_spec(*workspace.tuning) : Json());
}

std::string revision_input(const InferenceSet& set) {
  Json json = Json::object();
  json["template"] = template_json(set);
  json["replicas"] = set.replicas;
  if (set.node_count_limit.value_or(0) != 0) json["nodeCountLimit"] = *set.node_count_limit;
  json["labelSelector"] = render_label_selector(set.label_selector);
  json["updateStrategy"] = update_strategy_json(set.spec);
  if (has(set.spec, "autoUpgrade")) {
    json["autoUpgrade"] = auto_upgrade_json(set, *codec::find_key(set.spec, "autoUpgrade"));
  }
  return go_json(json);
}

std::string revision_input(const RagEngine& engine) {
  Json json = Json::object();
  if (engine.compute) json["compute"] = render_resource_spec(*engine.compute);
  if (has(engine.spec, "storage")) json["storage"] = storage_json(engine);
  if (has(engine.spec, "embedding")) json["embedding"] = embedding_json(engine);
  if (has(engine.spec, "inferenceService")) {
    Json& service = json["inferenceService"] = Json::object();
    put_if_any(service, "url", engine.inference_url);
    put_if_any(service, "accessSecret", engine.inference_access_secret);
    service["contextWindowSize"] = engine.context_window_size;
  }
  if (has(engine.spec, "guardrails")) json["guardrails"] = guardrails_json(engine);
  if (!engine.grounding_answers.empty()) {
    json["grounding"] = Json::object();
    json["grounding"]["answers"] = engine.grounding_answers;
  }
  if (!engine.grounding_mode.empty()) json["grounding"]["mode"] = engine.grounding_mode;
  return go_json(json);
}

}  // namespace rage::apis
