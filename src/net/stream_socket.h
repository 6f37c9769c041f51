// A TCP socket that never blocks, with TLS or without, and the bytes that wait to leave.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/event_loop.h"

namespace rage::net {

// Resource. One thread.
class StreamSocket final {
 public:
  enum class Status { kOk, kWouldBlock, kEnd, kError };
  struct Read {
    Status status = Status::kWouldBlock;
    std::size_t bytes = 0;
  };

  // `fd`: non-blocking, taken over. `tls`, if given: taken over, its handshake still to come.
  explicit StreamSocket(int fd, SSL* tls = nullptr);
  ~StreamSocket();
  StreamSocket(const StreamSocket&) = delete;
  StreamSocket& operator=(const StreamSocket&) = delete;

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  bool secure() const { return tls_ != nullptr; }
  // What ALPN agreed on; empty before the handshake's end, or without it.
  std::string_view protocol() const;
  std::string server_name() const;  // That the client asked for; empty: none.

  // `loop` tells `handler` of it until it is closed, and outlives that.
  [[nodiscard]] bool watch(EventLoop& loop, IoHandler& handler);
  // What the loop tells of it, to be passed on before anything else is done about it.
  void on_ready(Readiness readiness);
  // As far as it is known: read() may find something; the peer sends nothing after that.
  bool readable() const { return readable_; }
  bool peer_closed() const { return peer_closed_; }
  // kOk: at least one byte.
  Read read(std::span<char> into);
  // Where what is to be sent is appended; flush() sends it.
  std::string& out() { return out_; }
  std::size_t queued() const { return out_.size() - sent_; }
  // Sends what the kernel takes. False: the connection is broken; what the peer said before may
  // still be read.
  bool flush();
  void shut_down_sending();
  void close();
  // The peer sees an error, not an end.
  void reset();

 private:
  Read read_plain(std::span<char> into);
  Read read_tls(std::span<char> into);
  // Bytes taken; 0: none for now; -1: broken.
  std::ptrdiff_t write_some(std::string_view bytes);

  int fd_;
  SSL* tls_;
  EventLoop* loop_ = nullptr;  // That watches it.
  std::string out_;
  std::size_t sent_ = 0;  // Of out_.
  bool readable_ = false;
  bool peer_closed_ = false;
};

}  // namespace rage::net
