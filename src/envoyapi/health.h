// gRPC's health protocol, generated from health.proto: ::grpc::health::v1.
#pragma once

#include <health.pb.h>  // IWYU pragma: export

namespace rage::envoyapi {

namespace health = ::grpc::health::v1;

}  // namespace rage::envoyapi
