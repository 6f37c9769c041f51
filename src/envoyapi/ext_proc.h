// Envoy's external processing protocol, as protoc and grpc_cpp_plugin generate it from
// ext_proc.proto: ::envoy::service::ext_proc::v3. For the two rooms that speak it; their own public
// headers have value types instead.
#pragma once

// First: gRPC includes a header that defines GUARDED_BY as well, with the same meaning.
#include "base/mutex.h"  // IWYU pragma: keep

#include <ext_proc.grpc.pb.h>  // IWYU pragma: export
#include <ext_proc.pb.h>       // IWYU pragma: export

namespace rage::envoyapi {

namespace ext_proc = ::envoy::service::ext_proc::v3;

}  // namespace rage::envoyapi
