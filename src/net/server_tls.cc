#include "net/detail/server_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <exception>
#include <utility>

#include "net/detail/tls_settings.h"
#include "obs/log.h"

namespace rage::net::detail {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

std::unexpected<Error> refused(std::string_view what, const error_code& error) {
  return fail(ErrorCode::kInvalidArgument, "the server's {} is not usable: {}", what,
              error.message());
}

}  // namespace

Result<std::shared_ptr<ssl::context>> make_tls_context(const ServerCertificate& certificate) {
  try {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    SSL_CTX* native = context->native_handle();
    set_up_server(native, kHttp1);  // HTTP/1.1 and nothing else.
    error_code error;
    context->use_certificate_chain(boost::asio::buffer(certificate.chain_pem), error);
    if (error) return refused("certificate", error);
    context->use_private_key(boost::asio::buffer(certificate.key_pem), ssl::context::pem, error);
    if (error) return refused("key", error);
    if (SSL_CTX_check_private_key(native) != 1) {
      ERR_clear_error();
      return fail(ErrorCode::kInvalidArgument, "the server's key is not its certificate's");
    }
    return context;
  } catch (const std::exception& error) {  // Asio's, when OpenSSL has no memory.
    return fail(ErrorCode::kInternal, "TLS is not available: {}", error.what());
  }
}

std::shared_ptr<ssl::context> ServerTls::current() {
  auto context = renewed();
  if (context) {
    complaint_.clear();
    return *std::move(context);
  }
  if (complaint_ != context.error().message) {
    complaint_ = context.error().message;
    obs::log().error("no certificate to serve with, connections are refused",
                     {{"error", complaint_}});
  }
  return nullptr;
}

Result<std::shared_ptr<ssl::context>> ServerTls::renewed() {
  ASSIGN_OR_RETURN(auto certificate, source_());
  if (!certificate) return fail(ErrorCode::kNotFound, "there is no certificate");
  const bool same = certificate_ && (certificate == certificate_ || *certificate == *certificate_);
  if (same) return context_;
  ASSIGN_OR_RETURN(auto context, make_tls_context(*certificate));
  certificate_ = std::move(certificate);
  context_ = std::move(context);
  return context_;
}

}  // namespace rage::net::detail
