// CHECK aborts in every build, DCHECK in debug builds: for our own bugs, never for input.
#pragma once

namespace rage {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}  // namespace rage

#define CHECK(cond) \
  ((cond) ? static_cast<void>(0) : ::rage::check_failed(#cond, __FILE__, __LINE__))
#ifdef NDEBUG
#define DCHECK(cond) static_cast<void>(0)
#else
#define DCHECK(cond) CHECK(cond)
#endif
#define UNREACHABLE() ::rage::check_failed("unreachable", __FILE__, __LINE__)
