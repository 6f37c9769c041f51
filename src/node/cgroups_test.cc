#include "node/cgroups.h"

#include <gmock/gmock.h>

namespace rage::node {
namespace {

using codec::Json;

ContainerLimits limits(std::string_view text) {
  return limits_of(*codec::parse_json(text));
}

// A limit that is misread kills programs that keep to it, or none.
TEST(Cgroups, LimitsOfAContainer) {
  EXPECT_EQ(limits(R"({"resources":{"limits":{"memory":"512Mi","cpu":"250m"}}})"),
            (ContainerLimits{.memory_bytes = 512U << 20, .cpus = 0.25}));
  EXPECT_EQ(limits(R"({"resources":{"limits":{"cpu":2,"nvidia.com/gpu":"1"}}})"),
            (ContainerLimits{.cpus = 2}));
  EXPECT_FALSE(limits(R"({"resources":{"requests":{"memory":"1Gi"}}})").any());
  EXPECT_FALSE(limits(R"({"resources":{"limits":{"memory":"lots","cpu":"0"}}})").any());
}

constexpr std::string_view kOneMounts =
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "36 31 0:33 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(Cgroups, WhereVersionOneHasThem) {
  const auto place =
      find_cgroup_place("4:memory:/docker/abc/x\n1:cpu,cpuacct:/user\n0::/\n", kOneMounts);
  EXPECT_EQ(place, (CgroupPlace{.version = CgroupPlace::Version::kOne,
                                .memory = "/sys/fs/cgroup/memory/x",
                                .cpu = "/sys/fs/cgroup/cpu/user"}));
}

TEST(Cgroups, VersionTwoHasThemBesideThisProcess) {
  constexpr std::string_view kMounts =
      "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
  const auto place = find_cgroup_place("0::/user.slice/app.slice/run-1.scope\n", kMounts);
  EXPECT_EQ(place, (CgroupPlace{.version = CgroupPlace::Version::kTwo,
                                .memory = "/sys/fs/cgroup/user.slice/app.slice",
                                .cpu = "/sys/fs/cgroup/user.slice/app.slice"}));
  EXPECT_EQ(find_cgroup_place("0::/\n", kMounts)->memory, "/sys/fs/cgroup/");
  EXPECT_FALSE(find_cgroup_place("0::/\n", ""));
  EXPECT_FALSE(find_cgroup_place("", kMounts));
}

}  // namespace
}  // namespace rage::node
