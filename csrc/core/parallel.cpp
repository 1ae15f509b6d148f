#include "parallel.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

namespace cygnet {
namespace {

std::atomic<int> team_size{0};
std::atomic_flag team_taken = ATOMIC_FLAG_INIT;
std::atomic<bool> team_started{false};
std::atomic<bool> forked{false};
thread_local bool inside = false;

// The threads of a team do not survive a fork: a child of a process that had one works alone.
void after_fork_in_child() {
  if (team_started) forked = true;
  team_taken.clear();
  inside = false;
}

int processors_of_this_process() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, omp_get_num_procs());
}

// The processors that the quota of the cgroup (version 2, else 1) pays for; 0 where there is none.
double cgroup_quota() {
  std::string quota;
  double period = 0;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file >> quota >> period) {
    if (quota == "max" || period <= 0) return 0;
    return std::atof(quota.c_str()) / period;
  }
  double allowed = 0;
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota_file >> allowed && period_file >> period && allowed > 0 && period > 0) return allowed / period;
  return 0;
}

}  // namespace

int default_num_threads() noexcept {
  int count = processors_of_this_process();
  if (const double quota = cgroup_quota(); quota > 0) count = std::min(count, static_cast<int>(std::ceil(quota)));
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const long asked = std::strtol(text, nullptr, 10);
    if (asked >= 1 && asked < count) count = static_cast<int>(asked);
  }
  return std::max(1, count);
}

int num_threads() noexcept {
  int count = team_size.load(std::memory_order_relaxed);
  if (count == 0) {
    static const int registered = pthread_atfork(nullptr, nullptr, after_fork_in_child);
    (void)registered;
    set_num_threads(count = default_num_threads());
  }
  return count;
}

void set_num_threads(int count) noexcept { team_size.store(std::max(1, count), std::memory_order_relaxed); }

void detail::run_tasks(int64_t tasks, Task task, const void* context) noexcept {
  const int threads = num_threads();
  if (threads == 1 || inside || forked || team_taken.test_and_set(std::memory_order_acquire)) {
    for (int64_t i = 0; i < tasks; ++i) task(context, i);
    return;
  }
  team_started = true;
  std::atomic<int64_t> next{0};
#pragma omp parallel num_threads(threads)
  {
    inside = true;
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) task(context, i);
    inside = false;
  }
  team_taken.clear(std::memory_order_release);
}

}  // namespace cygnet
