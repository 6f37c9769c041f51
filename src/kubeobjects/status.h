// A refused request as Kubernetes words it: meta/v1 Status, carried by an Error.
// Source: Kubernetes API concepts; meta/v1 Status, StatusReason, StatusCause.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::kubeobjects {

using codec::Json;

// One reason of several why an object is refused.
struct Cause {
  std::string reason;   // "FieldValueInvalid"
  std::string message;  // "Invalid value: 3: ..."
  std::string field;    // "spec.replicas"
};

// What a Status says beside its message.
struct StatusFacts {
  int http_status = 500;
  std::string reason = {};  // "NotFound"
  std::string name = {};
  std::string group = {};
  std::string kind = {};  // What `details.kind` says: mostly the plural.
  std::vector<Cause> causes = {};
  int retry_after_seconds = 0;
  bool details_always = false;  // Even if there is nothing in them.
};

// The Error whose Status is `facts` and `message`; detail holds the Status.
Error status_error(const StatusFacts& facts, std::string message);

// The Status to answer with. An Error that carries none gets one from its code.
Json status_of(const Error& error);
int http_status_of(const Error& error);

// The usual ones. `resource` is "configmaps" or "deployments.apps".
Error bad_request(std::string message);
Error not_found(std::string_view group, std::string_view plural, std::string_view name);
Error no_such_resource();
Error already_exists(std::string_view group, std::string_view plural, std::string_view name);
// "Operation cannot be fulfilled on configmaps "a": <why>"
Error conflict(std::string_view group, std::string_view plural, std::string_view name,
               std::string_view why);
// 422: "ConfigMap "a" is invalid: <causes>"
Error invalid(std::string_view group, std::string_view kind, std::string_view name,
              std::vector<Cause> causes);
Error gone(std::string message);

}  // namespace rage::kubeobjects
