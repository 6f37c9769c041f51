// What an agent that was killed may have left running: the kernel ends the processes that it
// started itself, but not what those started in turn.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <vector>

#include "base/clock.h"

namespace rage::node {

// Every process of this machine whose environment names the data directory as its node's. Only
// those of this user can be seen.
std::vector<pid_t> find_leftovers(const std::filesystem::path& data);
// Kills them; how many there were. Looks again until none is left, for a second at most.
std::size_t end_leftovers(Clock& clock, const std::filesystem::path& data);

}  // namespace rage::node
