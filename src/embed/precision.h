// How the encoder computes.
#pragma once

#include <array>
#include <string_view>

namespace rage::embed {

enum class Precision {
  kAuto,  // int8 where it can be, else bf16 where the CPU multiplies it natively, else f32.
  kF32,
  kBf16,  // Twice as fast where native; vectors stay within cosine 0.999 of f32.
  kInt8,  // Twice as fast again, with AVX-512 VNNI; within cosine 0.999 of f32.
};

// What people call them.
struct PrecisionName {
  std::string_view name;
  Precision precision;
};
inline constexpr std::array<PrecisionName, 4> kPrecisionNames = {{{"auto", Precision::kAuto},
                                                                  {"f32", Precision::kF32},
                                                                  {"bf16", Precision::kBf16},
                                                                  {"int8", Precision::kInt8}}};

}  // namespace rage::embed
