// The page itself: files out of the executable, with the headers that fence it in. Pure. Private to
// the room.
#pragma once

#include "assistant/web.h"
#include "net/http.h"

namespace rage::assistant {

// "/", a file of the page, or, of who accepts HTML, the page of a session; not a route of the
// agent's.
bool is_page_request(const net::HttpRequest& request, const WebOptions& options);

// "/" and "/{anything}" are the page, "/operator" the operator's if there is one, "/assets/..."
// their files and the theme's, everything else 404.
net::HttpResponse answer_page(const net::HttpRequest& request, const WebOptions& options);

}  // namespace rage::assistant
