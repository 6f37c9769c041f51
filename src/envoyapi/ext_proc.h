// Envoy's external processing protocol, as protoc generates it from ext_proc.proto:
// ::envoy::service::ext_proc::v3. For the rooms that speak it; their own public headers have value
// types instead.
#pragma once

#include <ext_proc.pb.h>  // IWYU pragma: export

namespace rage::envoyapi {

namespace ext_proc = ::envoy::service::ext_proc::v3;

}  // namespace rage::envoyapi
