// The services as gRPC's own library calls and serves them: the peers of tests.
#pragma once

// First: gRPC includes a header that defines GUARDED_BY as well, with the same meaning.
#include "base/mutex.h"  // IWYU pragma: keep

#include <ext_proc.grpc.pb.h>  // IWYU pragma: export
#include <grpcpp/grpcpp.h>     // IWYU pragma: export
#include <health.grpc.pb.h>    // IWYU pragma: export

#include "envoyapi/ext_proc.h"  // IWYU pragma: export
#include "envoyapi/health.h"    // IWYU pragma: export
