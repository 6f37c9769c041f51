// What every server of ours asks of TLS.
#pragma once

#include <openssl/types.h>

namespace rage::net::detail {

// Lists of protocols as ALPN sends them (RFC 7301, 3.1): each with its length before it.
inline constexpr const char* kHttp1 = "\x08http/1.1";
inline constexpr const char* kHttp2OrHttp1 = "\x02h2\x08http/1.1";

// TLS 1.2 or newer, forward secrecy and authenticated encryption only, no renegotiation, no session
// kept. `protocols`, best first, outlives the context; who offers only others may try it anyway.
void set_up_server(SSL_CTX* context, const char* protocols);

}  // namespace rage::net::detail
