// HTTP/2 with one server, and the calls made over it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "rpc/channel.h"
#include "rpc/detail/http2_session.h"
#include "rpc/message_reader.h"

namespace rage::rpc::detail {

class ClientSession;

// Resource. One call, on the channel's thread, before it has a connection and after.
class ClientStream final {
 public:
  ClientStream(std::string path, std::shared_ptr<Replies> replies, std::size_t message_bytes_max)
      : path_(std::move(path)), replies_(std::move(replies)), reader_(message_bytes_max) {}

  void send(std::string_view message);
  void half_close();
  void cancel();
  // Tells who waits, once.
  void end(const Status& status);
  bool over() const { return replies_ == nullptr; }

 private:
  friend class ClientSession;
  friend struct ClientSessionCallbacks;

  void take_field(std::string_view name, std::string_view value);
  void take_data(std::string_view bytes);
  void take_end();
  void resume();
  void stop_the_server();
  Status status() const;
  static ssize_t read_out(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source* source, void*);

  const std::string path_;
  std::shared_ptr<Replies> replies_;  // Null: over.
  MessageReader reader_;
  ClientSession* session_ = nullptr;  // Null: not yet, or not any more.
  std::int32_t id_ = -1;
  std::string out_;       // Messages, framed.
  std::size_t sent_ = 0;  // Of out_.
  bool half_closed_ = false;
  bool deferred_ = false;  // HTTP/2 waits for us to have something.
  std::string http_status_;
  std::string grpc_status_;
  std::string grpc_message_;
};

// Resource. One thread.
class ClientSession final : public Http2Session {
 public:
  struct Options {
    std::string scheme;  // "http" or "https".
    std::string authority;
    std::function<void()> wake = [] {};  // See Http2Session.
    // The server takes no more calls, and nothing of this one has left.
    std::function<void(std::shared_ptr<ClientStream>)> unsent = {};
  };
  explicit ClientSession(Options options);
  ~ClientSession() override;  // Ends what runs.

  bool going_away() const { return going_away_; }
  void begin(std::shared_ptr<ClientStream> stream);
  bool idle() const override { return streams_.empty(); }
  void cancel_all() override;

 private:
  friend class ClientStream;
  friend struct ClientSessionCallbacks;

  ClientStream* find(std::int32_t id);
  std::shared_ptr<ClientStream> take(std::int32_t id);

  const Options options_;
  std::unordered_map<std::int32_t, std::shared_ptr<ClientStream>> streams_;
  bool going_away_ = false;
};

}  // namespace rage::rpc::detail
