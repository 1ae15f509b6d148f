// Work shared between threads; the only place that makes threads.
//
// A kernel cuts its work into tasks whose number and extent follow from the shape alone; threads only claim them.
// So results do not depend on the number of threads. There is one team of constant size in the process: a caller
// that finds it taken, a nested call and work below `serial_work` run the tasks in order instead.
#pragma once

#include <cstdint>

namespace cygnet {

/// Multiply-adds (or elements moved, whichever a kernel counts) below which sharing costs more than it gains.
constexpr double serial_work = 32768;

int num_threads() noexcept;
void set_num_threads(int count) noexcept;
/// The smaller of the processors that this process may run on and its cgroup's quota, at least 1; fewer where
/// OMP_NUM_THREADS asks for fewer.
int default_num_threads() noexcept;

namespace detail {
using Task = void (*)(const void* context, int64_t task);
void run_tasks(int64_t tasks, Task task, const void* context) noexcept;
}  // namespace detail

/// Runs body(0), ..., body(tasks - 1), in any order and on any thread. The body must not throw.
template <class Body>
void parallel_for(int64_t tasks, double work, const Body& body) noexcept {
  if (tasks < 2 || work < serial_work) {
    for (int64_t task = 0; task < tasks; ++task) body(task);
    return;
  }
  detail::run_tasks(
      tasks, [](const void* context, int64_t task) { (*static_cast<const Body*>(context))(task); }, &body);
}

/// Runs body(begin, end) over the pieces of [0, count), each `grain` long but the last; `work` counts one element.
template <class Body>
void parallel_ranges(int64_t count, int64_t grain, double work, const Body& body) noexcept {
  const int64_t pieces = (count + grain - 1) / grain;
  parallel_for(pieces, work * static_cast<double>(count), [&](int64_t piece) {
    const int64_t begin = piece * grain;
    body(begin, begin + grain < count ? begin + grain : count);
  });
}

}  // namespace cygnet
