// gRPC's health protocol, generated from health.proto: ::grpc::health::v1.
#pragma once

// First: gRPC includes a header that defines GUARDED_BY as well, with the same meaning.
#include "base/mutex.h"  // IWYU pragma: keep

#include <health.grpc.pb.h>  // IWYU pragma: export
#include <health.pb.h>       // IWYU pragma: export

namespace rage::envoyapi {

namespace health = ::grpc::health::v1;

}  // namespace rage::envoyapi
