// Asio's types as this room uses them: the concrete executor spares every operation the type
// erasure of any_io_executor.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace rage::net::detail {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Timer = asio::steady_timer::rebind_executor<Executor>::other;
template <class T>
using Task = asio::awaitable<T, Executor>;

// co_await gives the error beside the result, and throws nothing.
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<Executor>> kTuple;

}  // namespace rage::net::detail
