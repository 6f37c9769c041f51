#include "kubeobjects/canonical_quantity.h"

#include <gtest/gtest.h>

#include <string>

namespace rage::kubeobjects {
namespace {

// Who reads a quantity back would see another text than on a real cluster, and the same manifests
// would not compare equal. The right-hand sides are kube-apiserver's.
TEST(CanonicalQuantity, IsWhatTheRealApiServerKeeps) {
  struct Case {
    const char* given;
    const char* kept;
  };
  for (const Case& each : {
           Case{"1024Mi", "1Gi"},
           {"1.5Gi", "1536Mi"},
           {"500Mi", "500Mi"},
           {"1Ki", "1Ki"},
           {"0.5Ki", "512"},
           {"1023Ki", "1023Ki"},
           {"1000m", "1"},
           {"1500m", "1500m"},
           {"0.1", "100m"},
           {"2", "2"},
           {"10000", "10k"},
           {"1000000k", "1G"},
           {"0", "0"},
           {"0Mi", "0"},
           {"-2000m", "-2"},
           {".5", "500m"},
           {"0.1Gi", "107374182400m"},
           {"4Ti", "4Ti"},
       }) {
    EXPECT_EQ(canonical_quantity(each.given), each.kept) << each.given;
  }
}

TEST(CanonicalQuantity, LeavesWhatItCannotKeepExactly) {
  for (const char* text : {"", "lots", "1e3", "1 Gi", "0.0000000001", "1234567890123456789", "Gi",
                           "1.2.3", "1024MI", "+1", "1.", "1000Ei"}) {
    EXPECT_EQ(canonical_quantity(text), text);
  }
}

}  // namespace
}  // namespace rage::kubeobjects
