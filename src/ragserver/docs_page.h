// The service's description as a page for people. It asks for nothing: no script, no style, no font
// from elsewhere.
#pragma once

#include "codec/json.h"
#include "net/http.h"

namespace rage::ragserver {

// Of an openapi_document().
net::HttpResponse docs_page(const codec::Json& openapi);

}  // namespace rage::ragserver
