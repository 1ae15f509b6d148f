// What the directions of a convolution share: padded copies of image rows, and the correlation that is both the
// forward pass (its output is the target) and the gradient of the input (the input is the target).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "carver.h"
#include "tile.h"

namespace cygnet {

/// Images that a kernel reads: memory (N, H, W, C) if channels_last, else (N, C, H, W).
template <class T>
struct Images {
  const T* data;
  int64_t h, w, channels;
  bool channels_last;
};

/// Copies rows [row, row + rows) by columns [column, column + columns) of images [first, last) to `slab`, channels
/// last; what lies outside an image becomes zero.
template <class T>
void fill_slab(const Images<T>& images, int64_t first, int64_t last, int64_t row, int64_t rows, int64_t column,
               int64_t columns, T* slab) noexcept;

/// One axis of a correlation. The target positions t = phase + target_step i, 0 <= phase < target_step, of one phase
/// read the source positions source_step i + offset, with an offset for each tap k of the phase:
///
///   phase(k) = -(base + k tap_step) mod target_step,   offset(k) = (phase(k) + base + k tap_step) / target_step.
///
/// The forward pass has one phase; the gradient of a convolution with stride s has s of them.
struct Axis {
  int64_t source, target, source_step, target_step, taps, base, tap_step;

  int64_t phases() const { return std::min(target_step, target); }
  /// Target positions of a phase.
  int64_t count(int64_t phase) const { return (target - phase + target_step - 1) / target_step; }
  int64_t phase_of(int64_t tap) const {
    const int64_t rest = (base + tap * tap_step) % target_step;
    return rest > 0 ? target_step - rest : -rest;
  }
  int64_t offset_of(int64_t tap) const { return (phase_of(tap) + base + tap * tap_step) / target_step; }
  /// Source positions that are read: offsets from `low` to `high`, positions up to `end`.
  struct Reach {
    int64_t low, high, end;
  };
  Reach reach() const;
};

/// The shape of a correlation and how it is cut; all of it follows from the shape alone.
struct Correlation {
  Axis h, w;
  int64_t images, source_channels, target_channels, groups;
  bool channels_last;  // the source's memory order
  Panels panels;       // of one group's target channels

  Axis::Reach rows, columns;
  bool slab;                               // whether tasks copy their part of the source first
  int64_t slab_columns, slab_size;         // slab_size: elements of one task's slab
  int64_t image_blocks, row_blocks;        // a task: a block of images or of one image's rows,
  int64_t images_per_task, rows_per_task;  // by a run of the groups * panels units
  int64_t unit_splits;

  int64_t group_depth() const { return source_channels / groups; }
  int64_t group_columns() const { return target_channels / groups; }
  int64_t taps() const { return h.taps * w.taps; }
  int64_t units() const { return groups * panels.panels; }
  int64_t tasks() const { return image_blocks * row_blocks * unit_splits; }
  int64_t packed_size() const { return groups * panels.padded_columns() * taps() * group_depth(); }
  double multiplications() const;
};

template <class T>
Correlation plan_correlation(const Axis& h, const Axis& w, int64_t images, int64_t source_channels,
                             int64_t target_channels, int64_t groups, bool channels_last) noexcept;

/// Where the weight of (group, target channel, source channel, tap) is.
struct WeightSteps {
  int64_t group, column, depth;
};

/// target[n, t, :] = f(bias + sum over taps and source channels), the target channels last.
template <class T>
void correlate(const Correlation& plan, const T* source, const T* weight, WeightSteps steps, const T* bias,
               Activation activation, T* target, void* scratch) noexcept;
template <class T>
size_t correlate_scratch_bytes(const Correlation& plan) noexcept;

}  // namespace cygnet
