// Opening a TCP connection without waiting for it.
#pragma once

#include "net/address.h"
#include "net/event_loop.h"
#include "net/stream_socket.h"

namespace rage::gateway::detail {

int open_socket(const net::Address& address);  // Non-blocking; -1: none to be had.

enum class ConnectStart { kConnected, kUnderWay, kFailed };
// From then on `handler` hears of `socket`.
ConnectStart start_connecting(net::StreamSocket& socket, const net::Address& address,
                              net::EventLoop& loop, net::IoHandler& handler);

// What became of it, once it is ready: an errno, 0 is success.
int connect_error(int fd);

}  // namespace rage::gateway::detail
