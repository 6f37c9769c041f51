#include "gateway/detail/connecting.h"

#include <sys/socket.h>

#include <cerrno>

namespace rage::gateway::detail {

int open_socket(const net::Address& address) {
  return ::socket(address.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

ConnectStart start_connecting(net::StreamSocket& socket, const net::Address& address,
                              net::EventLoop& loop, net::IoHandler& handler) {
  sockaddr_storage storage;
  const socklen_t size = address.fill(storage);
  const int result = ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&storage), size);
  if (result != 0 && errno != EINPROGRESS) return ConnectStart::kFailed;
  if (!socket.watch(loop, handler)) return ConnectStart::kFailed;
  return result == 0 ? ConnectStart::kConnected : ConnectStart::kUnderWay;
}

int connect_error(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace rage::gateway::detail
