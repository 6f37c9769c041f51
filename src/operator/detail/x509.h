// OpenSSL's objects with owners, and PEM to and from them.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace rage::op::detail {

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

// All certificates of a PEM text, in order; empty if one of them is damaged.
std::vector<X509Ptr> parse_certificates(std::string_view pem);
KeyPtr parse_key(std::string_view pem);  // Null if it is none. Never asks for a password.
std::string render_certificate(X509* certificate);
std::string render_key(EVP_PKEY* key);

bool is_ip_address(const std::string& name);
// False if the certificate's times are unreadable.
bool read_validity(const X509* certificate, WallTime& begin, WallTime& end);
// OpenSSL's queue of errors is a thread's own; what is left there would be found by somebody else.
std::string take_openssl_error();

}  // namespace rage::op::detail
