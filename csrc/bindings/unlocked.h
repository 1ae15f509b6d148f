// Python's lock, given up and taken again, in threads that may outlive the interpreter.
#pragma once

#include <Python.h>
#include <cxxabi.h>
#include <unistd.h>

namespace cygnet {

/// take(), which takes Python's lock. When the interpreter ends, CPython before 3.14 makes the thread that asks for the
/// lock exit by unwinding its stack; as that may begin in destructors, which must not let it pass, the thread waits
/// here for the end of the process instead, as it does from 3.14 on.
template <class Take>
auto take_lock(const Take& take) {
  try {
    return take();
  } catch (abi::__forced_unwind&) {
    for (;;) pause();
  }
}

/// Python's lock is free while this lives.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  ~Unlocked() {
    take_lock([this] { PyEval_RestoreThread(state_); });
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* const state_;
};

/// Python's lock is held while this lives, whether it was before or not.
class Locked {
 public:
  Locked() : state_(take_lock(PyGILState_Ensure)) {}
  ~Locked() { PyGILState_Release(state_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  const PyGILState_STATE state_;
};

}  // namespace cygnet
