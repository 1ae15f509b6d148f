// What the forward and the backward loop of recurrent layers share.
#pragma once

#include <algorithm>

#include "carver.h"
#include "core/parallel.h"
#include "gemm.h"
#include "recurrent.h"
#include "tile.h"

namespace cygnet {

/// Elements from one sequence's state to the next one's.
template <class T>
int64_t state_step(int64_t width) {
  return width + Vec<T>::lanes;
}

/// How the loop over the steps is shared: a task owns a direction, every chunks-th sequence, and a slice of the panels
/// that the product with the recurrent weights is cut into. Several slices wait for each other after each step.
struct RecurrentGrid {
  Panels panels;
  int64_t chunks, slices;

  struct Task {
    int direction;
    int64_t chunk, first_panel, last_panel;
  };
  int64_t tasks(int directions) const { return directions * chunks * slices; }
  Task task(int64_t number) const {
    const int64_t slice = number % slices, rest = number / slices;
    return {static_cast<int>(rest / chunks), rest % chunks, panels.panels * slice / slices,
            panels.panels * (slice + 1) / slices};
  }
  /// How many of the first `active` sequences a chunk has.
  int64_t sequences(int64_t chunk, int64_t active) const { return (active - chunk + chunks - 1) / chunks; }
};

template <class T>
RecurrentGrid recurrent_grid(const RecurrentSizes& sizes, int64_t columns) noexcept;

/// One product for each of `count` rows of A, `a_step` elements apart, into rows of C.
template <class T>
void multiply_rows(Tile<T> tile, int64_t count, int64_t a_step, int64_t c_step) noexcept;

/// Runs body(step, task) over the grid, one step after the other.
template <class Body>
void over_steps(const RecurrentGrid& grid, const RecurrentSizes& sizes, int64_t steps, double work, const Body& body) {
  const int64_t tasks = grid.tasks(sizes.directions);
  if (grid.slices > 1) return parallel_steps(steps, tasks, work, body);
  parallel_for(tasks, work * static_cast<double>(steps), [&](int64_t task) {
    for (int64_t step = 0; step < steps; ++step) body(step, task);
  });
}

/// Multiply-adds of a step's product with the recurrent weights.
inline double recurrent_work(const RecurrentSizes& sizes) {
  return static_cast<double>(sizes.directions * sizes.batch) *
         static_cast<double>(sizes.gates() * sizes.hidden * sizes.state());
}

/// The step that direction `direction` works off at place `place` of its loop.
inline int64_t step_at(const RecurrentSizes& sizes, int direction, int64_t place) {
  return direction ? sizes.steps - 1 - place : place;
}

/// The row of sequence `i` one step earlier in a direction's order, or -1 where `step` is its first.
inline int64_t previous_row(const RecurrentSizes& sizes, int direction, int64_t step, int64_t i) {
  if (direction == 0) return step ? sizes.first[step - 1] + i : -1;
  return step + 1 < sizes.steps && i < sizes.active(step + 1) ? sizes.first[step + 1] + i : -1;
}

}  // namespace cygnet
