// What the processes of pods use of this machine, out of /proc.
#pragma once

#include "codec/json.h"

namespace rage::cluster::detail {

// {"atMs": steady clock, "cpus": N, "memoryBytes": of the machine, "memoryFreeBytes": ...,
//  "pods": {UID: {"cpuSeconds": since each process began, "memoryBytes": resident, "processes":
//  N}}}
// Processes of other users are not seen. Exited ones take their CPU time with them.
codec::Json pod_usage();

}  // namespace rage::cluster::detail
