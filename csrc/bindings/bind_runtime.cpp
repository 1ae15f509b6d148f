// Threads, the memory pool, and what the build knows about itself.
#include <Eigen/Core>
#include <chrono>

#include "array.h"
#include "core/denormals.h"
#include "core/failing_pool.h"
#include "core/parallel.h"
#include "core/pool.h"
#include "families.h"
#include "kernels/peak.h"
#include "simd/vec.h"
#include "unlocked.h"

#define CYGNET_TEXT_OF(x) #x
#define CYGNET_TEXT(x) CYGNET_TEXT_OF(x)

namespace cygnet {

void bind_runtime(py::module_& m) {
  m.def("num_threads", &num_threads, "Threads that kernels may use.");
  m.def(
      "set_num_threads",
      [](int64_t count) {
        check<ValueError>(count >= 1 && count <= 1024, "set_num_threads: count is ", count, ", expected 1 to 1024");
        set_num_threads(static_cast<int>(count));
      },
      py::arg("count"), "Sets the number of threads that kernels may use; results do not depend on it.");
  m.def(
      "set_flush_denormal", [](bool mode) { flush_denormals = mode; }, py::arg("mode"),
      "Whether kernels take numbers too small for full precision for zero. At first they do not.");
  m.def("default_num_threads", &default_num_threads, "Threads that this process may use by affinity and quota.");
  m.def("empty_cache", &pool::empty_cache,
        "Gives the memory pool's unused blocks back to the system; returns their bytes.");
  m.def(
      "memory_stats",
      [] {
        const pool::Stats stats = pool::stats();
        py::dict result;
        result["live_bytes"] = stats.live_bytes;
        result["cached_bytes"] = stats.cached_bytes;
        return result;
      },
      "Bytes of the memory pool: in use (live_bytes) and waiting for reuse (cached_bytes).");
  m.def("fail_allocation", &pool::fail_allocation, py::arg("nth"),
        "For tests: the nth allocation of memory for arrays and scratch from now on fails, and only that one; 0: none. "
        "Returns how many were still to come before the one asked for last.");
  m.def(
      "build_info",
      [] {
        py::dict info;
        info["version"] = CYGNET_VERSION;
        info["isa"] = CYGNET_ISA;
        info["compiler"] = CYGNET_COMPILER;
        info["eigen"] =
            CYGNET_TEXT(EIGEN_MAJOR_VERSION) "." CYGNET_TEXT(EIGEN_MINOR_VERSION) "." CYGNET_TEXT(EIGEN_PATCH_VERSION);
        info["float_lanes"] = Vec<float>::lanes;
#ifdef CYGNET_SANITIZE
        info["sanitize"] = CYGNET_SANITIZE;
#endif
        return info;
      },
      "Version, instruction set, compiler, Eigen version and vector width of this build.");

  m.def(
      "peak_flops",
      [](int64_t iterations) {
        check<ValueError>(iterations >= 1, "peak_flops: iterations is ", iterations, ", expected at least 1");
        const int threads = num_threads();
        std::vector<float> sink(static_cast<size_t>(threads));
        const auto start = std::chrono::steady_clock::now();
        const double flops = multiply_add_chains(threads, iterations, sink.data());
        return flops / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      },
      py::arg("iterations") = int64_t{1} << 23, py::call_guard<Unlocked>(),
      R"(Floating-point operations a second of multiply-adds in registers, on all threads: the limit of every kernel.

Parameters
----------
iterations : int
    Length of the loop. Default 2**23, some hundredths of a second.
)");
}

}  // namespace cygnet
