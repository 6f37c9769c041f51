#include "net/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <memory>
#include <string_view>

#include "base/strings.h"
#include "net/detail/tls_settings.h"

namespace rage::net {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using OwnCertificate = std::unique_ptr<X509, decltype(&X509_free)>;
using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio reader(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
}

// The first is the server's own, the others lead from it to a root.
bool use_chain(SSL_CTX* context, const std::string& pem) {
  const Bio bio = reader(pem);
  const OwnCertificate own(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return false;
  while (X509* const next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, next) == 1) continue;
    X509_free(next);
    return false;
  }
  ERR_clear_error();  // The end of the text is an error to the reader.
  return true;
}

bool use_key(SSL_CTX* context, const std::string& pem) {
  const Bio bio = reader(pem);
  const PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr),
                       &EVP_PKEY_free);
  return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::create(
    const std::map<std::string, ServerCertificate, std::less<>>& certificates) {
  std::shared_ptr<TlsContext> made(new TlsContext());
  for (const auto& [hostname, certificate] : certificates) {
    SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
    if (context == nullptr) return fail(ErrorCode::kResourceExhausted, "no memory for TLS");
    made->contexts_.emplace(hostname, context);
    detail::set_up_server(context, detail::kHttp2OrHttp1);
    const bool usable = use_chain(context, certificate.chain_pem) &&
                        use_key(context, certificate.key_pem) &&
                        SSL_CTX_check_private_key(context) == 1;
    if (!usable) {
      ERR_clear_error();
      return fail(ErrorCode::kInvalidArgument,
                  "the certificate for \"{}\" and its key are no PEM, or do not belong together",
                  hostname);
    }
    SSL_CTX_set_tlsext_servername_callback(context, &TlsContext::choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(context, made.get());
  }
  if (made->contexts_.empty()) return fail(ErrorCode::kInvalidArgument, "there is no certificate");
  const auto everybody = made->contexts_.find("");
  made->fallback_ =
      everybody != made->contexts_.end() ? everybody->second : made->contexts_.begin()->second;
  return made;
}

TlsContext::~TlsContext() {
  for (const auto& [hostname, context] : contexts_) SSL_CTX_free(context);
}

SSL* TlsContext::make_session() const {
  SSL* const session = SSL_new(fallback_);
  if (session != nullptr) SSL_set_accept_state(session);
  return session;
}

SSL_CTX* TlsContext::find(std::string_view server_name) const {
  const std::string name = to_lower_ascii(server_name);
  if (const auto exact = contexts_.find(name); exact != contexts_.end()) return exact->second;
  for (std::size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
    const auto wildcard = contexts_.find("*" + name.substr(dot));
    if (wildcard != contexts_.end()) return wildcard->second;
  }
  return fallback_;
}

int TlsContext::choose_certificate(SSL* session, int*, void* self) {
  const char* const name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr) {
    SSL_set_SSL_CTX(session, static_cast<const TlsContext*>(self)->find(name));
  }
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace rage::net
