#include "parallel.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "denormals.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cygnet {
namespace {

std::atomic<int> team_size{0};
thread_local bool inside = false;

// How long a worker looks for the next call before it sleeps: longer than Python takes between two kernels of a
// training step. After the first microseconds each look gives the processor away to whoever wants it.
constexpr auto looking = std::chrono::microseconds(300);
constexpr int looks_before_yielding = 2000;

inline void pause() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `ready`, giving the processor away after a while.
template <class Ready>
void wait_until(const Ready& ready) noexcept {
  for (int look = 0; !ready(); ++look) look < looks_before_yielding ? pause() : std::this_thread::yield();
}

// Threads of a call at most.
constexpr int most_threads = 256;

// The caller and its workers. A call is posted as stretches of neighbouring tasks, one for each thread, with `open`,
// the number of its tasks nobody has claimed; whoever lowers it owns a task and keeps the call alive until it has added
// that task to `done`. The caller waits for claimed tasks only, so a worker that the system has not scheduled holds
// nobody up. All that a worker has to know stands in the one cache line it looks at, as what a call costs are lines
// that move from core to core.
//
// A thread begins with its own stretch and then helps the others: calls over the same array find in the caches of a
// core what the last one left there (measured: a tenth to a sixth faster than a common counter).
class Team {
 public:
  bool take() noexcept { return !taken_.test_and_set(std::memory_order_acquire); }
  void give_back() noexcept { taken_.clear(std::memory_order_release); }

  void run(int threads, int64_t tasks, detail::Task task, const void* context) noexcept {
    const int stretches = static_cast<int>(std::min<int64_t>({threads, most_threads, tasks}));
    hire(stretches - 1);
    const int64_t before = done_.load(std::memory_order_relaxed);
    for (int s = stretches - 1; s >= 0; --s) {
      const int64_t begin = tasks * s / stretches, end = tasks * (s + 1) / stretches;
      stretch_[s].task = task;
      stretch_[s].context = context;
      stretch_[s].end = end;
      stretch_[s].stretches.store(stretches, std::memory_order_relaxed);
      stretch_[s].open.store(end - begin, std::memory_order_release);
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_seq_cst) > 0) {
      const std::lock_guard<std::mutex> lock(mutex_);
      wake_.notify_all();
    }
    const int64_t own = work(0, stretches);
    wait_until([&] { return done_.load(std::memory_order_acquire) - before + own == tasks; });
  }

 private:
  struct alignas(64) Stretch {
    std::atomic<int64_t> open{0};
    int64_t end = 0;
    detail::Task task = nullptr;
    const void* context = nullptr;
    std::atomic<int> stretches{0};
  };
  // Claims and runs tasks until none is open, those of stretch `first` first; returns how many.
  int64_t work(int first, int stretches) noexcept {
    int64_t count = 0;
    inside = true;
    for (int s = 0; s < stretches; ++s) {
      Stretch& stretch = stretch_[(first + s) % stretches];
      for (int64_t open = stretch.open.load(std::memory_order_acquire); open > 0;) {
        if (!stretch.open.compare_exchange_weak(open, open - 1, std::memory_order_acq_rel, std::memory_order_acquire))
          continue;
        stretch.task(stretch.context, stretch.end - open);
        ++count;
        open = stretch.open.load(std::memory_order_acquire);
      }
    }
    inside = false;
    return count;
  }

  bool wanted(int worker) const noexcept { return stretch_[worker + 1].open.load(std::memory_order_seq_cst) > 0; }

  void serve(int worker) noexcept {
    for (;;) {
      auto until = std::chrono::steady_clock::now() + looking;
      for (int look = 1; !wanted(worker); ++look) {
        look < looks_before_yielding ? pause() : std::this_thread::yield();
        if (look % 64 == 0 && std::chrono::steady_clock::now() > until) {
          std::unique_lock<std::mutex> lock(mutex_);
          asleep_.fetch_add(1, std::memory_order_seq_cst);
          if (!wanted(worker)) wake_.wait(lock);  // woken for another, it looks around for a while
          asleep_.fetch_sub(1, std::memory_order_seq_cst);
          break;
        }
      }
      const DenormalMode mode;
      Stretch& own = stretch_[worker + 1];
      if (const int64_t count = work(worker + 1, own.stretches.load(std::memory_order_relaxed)))
        done_.fetch_add(count, std::memory_order_release);
    }
  }

  // Where the system gives no more threads, those that are there do the work.
  void hire(int workers) noexcept {
    for (; hired_ < workers; ++hired_) try {
        std::thread([this, worker = hired_] { serve(worker); }).detach();
      } catch (const std::system_error&) {
        return;
      }
  }

  Stretch stretch_[most_threads];
  alignas(64) std::atomic<int64_t> done_{0};
  alignas(64) int hired_ = 0;
  std::atomic_flag taken_ = ATOMIC_FLAG_INIT;
  std::atomic<int> asleep_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

// The one team, never destroyed: workers outlive static objects. Threads do not survive a fork, and the parent's team
// may have been in any state: the child starts with a fresh one.
alignas(Team) char team_memory[sizeof(Team)];

void after_fork_in_child() {
  new (team_memory) Team;
  inside = false;
}

Team& the_team() noexcept {
  static Team* const team = [] {
    pthread_atfork(nullptr, nullptr, after_fork_in_child);
    return new (team_memory) Team;
  }();
  return *team;
}

int processors_of_this_process() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
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
  if (count == 0) set_num_threads(count = default_num_threads());
  return count;
}

void set_num_threads(int count) noexcept { team_size.store(std::max(1, count), std::memory_order_relaxed); }

void detail::run_tasks(int64_t tasks, Task task, const void* context) noexcept {
  const int threads = num_threads();
  Team& team = the_team();
  if (threads == 1 || inside || !team.take()) {
    for (int64_t i = 0; i < tasks; ++i) task(context, i);
    return;
  }
  team.run(threads, tasks, task, context);
  team.give_back();
}

void detail::run_steps(int64_t steps, int64_t tasks, StepTask task, const void* context) noexcept {
  constexpr int most_stretches = 64;
  // `claimed` counts the tasks of a stretch over all steps, `done` those of all stretches: the step that is on follows
  // from either, and a thread that comes late joins in there.
  struct alignas(64) Stretch {
    std::atomic<int64_t> claimed{0};
    std::atomic<bool> attended{false};  // by its own thread
    int64_t begin, end;
  };
  const int stretches = static_cast<int>(std::min<int64_t>({num_threads(), tasks, most_stretches}));
  Stretch stretch[most_stretches];
  for (int s = 0; s < stretches; ++s) {
    stretch[s].begin = tasks * s / stretches;
    stretch[s].end = tasks * (s + 1) / stretches;
  }
  alignas(64) std::atomic<int64_t> done{0};
  const auto work = [&](int64_t step, Stretch& own) {
    const int64_t size = own.end - own.begin, end = (step + 1) * size;
    for (int64_t claimed = own.claimed.load(std::memory_order_relaxed); claimed < end;) {
      if (!own.claimed.compare_exchange_weak(claimed, claimed + 1, std::memory_order_relaxed)) continue;
      task(context, step, own.begin + claimed - step * size);
      done.fetch_add(1, std::memory_order_acq_rel);
      ++claimed;
    }
  };
  parallel_for(stretches, serial_work, [&](int64_t first) {
    for (int64_t step = done.load(std::memory_order_acquire) / tasks; step < steps; ++step) {
      stretch[first].attended.store(true, std::memory_order_relaxed);
      work(step, stretch[first]);
      int looks = 0;
      wait_until([&] {
        if (done.load(std::memory_order_acquire) >= (step + 1) * tasks) return true;
        const bool missed = ++looks % looks_before_yielding == 0;
        for (int s = 0; s < stretches; ++s) {
          if (missed) stretch[s].attended.store(false, std::memory_order_relaxed);
          if (!stretch[s].attended.load(std::memory_order_relaxed)) work(step, stretch[s]);
        }
        return false;
      });
    }
  });
}

}  // namespace cygnet
