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
using StepTask = void (*)(const void* context, int64_t step, int64_t task);
void run_steps(int64_t steps, int64_t tasks, StepTask task, const void* context) noexcept;
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

/// Multiply-adds of a step below which waiting for each other costs more than sharing gains.
constexpr double serial_step_work = 65536;

/// Runs body(step, task) for every task of step 0, then of step 1, and so on: no task begins before all tasks of the
/// step before have ended. A task goes to the same thread in every step, so that what it reads again stays in that
/// core's cache; only tasks of a thread that the system holds up are taken over. `work` counts one step.
template <class Body>
void parallel_steps(int64_t steps, int64_t tasks, double work, const Body& body) noexcept {
  if (tasks < 2 || work < serial_step_work) {
    for (int64_t step = 0; step < steps; ++step)
      for (int64_t task = 0; task < tasks; ++task) body(step, task);
    return;
  }
  detail::run_steps(
      steps, tasks,
      [](const void* context, int64_t step, int64_t task) { (*static_cast<const Body*>(context))(step, task); }, &body);
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
