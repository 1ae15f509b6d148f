// What the directions of a convolution share: padded copies of parts of images, and the correlation that is both the
// forward pass (its output is the target) and the gradient of the input (the input is the target).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "carver.h"
#include "conv.h"
#include "pooling.h"
#include "tile.h"

namespace cygnet {

/// A part of an image, which may reach beyond it: depth, height and width.
struct Box {
  int64_t begin[max_axes], size[max_axes];

  int64_t pixels() const { return size[0] * size[1] * size[2]; }
};

/// How an image is cut into boxes: of `size` positions along each axis (the last may have fewer), `count` of them.
struct Boxes {
  int64_t size[max_axes], count[max_axes];

  int64_t boxes() const { return count[0] * count[1] * count[2]; }
  /// Cuts `length` positions of an axis into nearly equal parts, at most `parts`.
  void cut(int axis, int64_t length, int64_t parts) {
    size[axis] = std::max<int64_t>(1, ceil_div(length, parts));
    count[axis] = ceil_div(length, size[axis]);
  }
  Box at(int64_t index, const int64_t (&length)[max_axes]) const;
};

/// Images that a kernel reads: memory (N, D, H, W, C) if channels_last, else (N, C, D, H, W).
template <class T>
struct Images {
  const T* data;
  int64_t size[max_axes], channels;
  bool channels_last;
};

/// Neighbouring channels of images, copied in strips of `pitch` channels that are `strip_step` apart.
struct Channels {
  int64_t begin, count, pitch, strip_step;
};

/// Copies channels of a box of each of the images [first, last) to `slab`, channels last; what lies outside an image
/// becomes zero. Whole vectors are stored: up to `slab_slack` elements behind a strip are overwritten.
template <class T>
void fill_slab(const Images<T>& images, int64_t first, int64_t last, const Box& box, const Channels& part,
               T* slab) noexcept;
constexpr int64_t slab_slack = 16;

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
  /// The positions of its phase for which a tap reads inside the source.
  struct Range {
    int64_t begin, end;
  };
  Range inside(int64_t tap) const;
  /// Source positions that are read: offsets from `low` to `high`, positions up to `end`.
  struct Reach {
    int64_t low, high, end;
  };
  Reach reach() const;
  /// The pairs of a target position and a tap that read inside the source.
  double pairs() const;
};

/// The axis of the forward pass.
inline Axis forward_axis(const ConvAxis& a) { return {a.in, a.out, a.stride, 1, a.kernel, -a.padding, a.dilation}; }

/// A correlation with few target channels and how it is cut (conv_few_outputs.h); all of it follows from the shape
/// alone. Positions are those of one phase.
struct PositionConv {
  Axis axes[max_axes];
  int64_t images, source_channels, target_channels;
  bool channels_last;  // the source's memory order

  Axis::Reach reach[max_axes];
  Boxes boxes;    // of positions
  int64_t parts;  // images x boxes; tasks work off runs of them
  int64_t tasks;
  double multiplications;

  int64_t phases() const { return axes[0].phases() * axes[1].phases() * axes[2].phases(); }
  int64_t depth() const { return source_channels * axes[0].taps * axes[1].taps * axes[2].taps; }
  /// Source positions of an axis that a box reads.
  int64_t extent(int axis) const {
    return (boxes.size[axis] - 1) * axes[axis].source_step + reach[axis].high - reach[axis].low + 1;
  }
  int64_t plane() const { return extent(0) * extent(1) * extent(2); }
};

/// The shape of a correlation and how it is cut; all of it follows from the shape alone.
struct Correlation {
  Axis axes[max_axes];
  int64_t images, source_channels, target_channels, groups;
  bool channels_last;      // the source's memory order
  Panels panels;           // of one group's target channels
  bool in_lanes;           // whether `correlate_lanes` is faster,
  bool in_positions;       // or `correlate_positions`,
  PositionConv positions;  // which goes by this
  bool in_tiles;           // or `correlate_winograd`
  double multiplications;  // multiply-adds, those of empty lanes included

  Axis::Reach reach[max_axes];
  bool slab;                              // whether tasks copy their part of the source first
  int64_t slab_size;                      // elements of one task's slab
  int64_t image_blocks, images_per_task;  // a task: a block of images, or a box of one image's positions of phase 0,
  Boxes boxes;                            // by a run of the groups * panels units
  int64_t unit_splits;

  bool pools;  // whether tasks take the maxima over windows of what they make: these are the target then
  MaxPooling pooling;
  int64_t room;  // elements of what a task makes then

  int64_t group_depth() const { return source_channels / groups; }
  int64_t group_columns() const { return target_channels / groups; }
  int64_t taps() const { return axes[0].taps * axes[1].taps * axes[2].taps; }
  int64_t phases() const { return axes[0].phases() * axes[1].phases() * axes[2].phases(); }
  /// Source positions of an axis that a box reads.
  int64_t slab_extent(int axis) const {
    return std::max<int64_t>(0,
                             (boxes.size[axis] - 1) * axes[axis].source_step + reach[axis].high - reach[axis].low + 1);
  }
  void size_slab() {
    slab_size = images_per_task * source_channels;
    for (int i = 0; i < max_axes; ++i) slab_size *= slab_extent(i);
    slab_size = ceil_div(slab_size + slab_slack, 16) * 16;
  }
  /// Target positions of phase 0 that are made.
  int64_t grid(int axis) const;
  int64_t units() const { return groups * panels.panels; }
  int64_t tasks() const { return image_blocks * boxes.boxes() * unit_splits; }
  int64_t packed_size() const { return groups * panels.padded_columns() * taps() * group_depth(); }
};

/// The axes' steps and taps, and the sizes, are those of the fields of a Correlation.
template <class T>
Correlation plan_correlation(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                             int64_t target_channels, int64_t groups, bool channels_last) noexcept;

/// Where the weight of (group, target channel, source channel, tap) is.
struct WeightSteps {
  int64_t group, column, depth;
};

/// The weight in the order in which `correlate` reads it, with all that it looks up: 0 bytes where it reads the weight
/// as it lies.
template <class T>
size_t correlate_packed_bytes(const Correlation& plan) noexcept;
template <class T>
void correlate_pack(const Correlation& plan, const T* weight, WeightSteps steps, void* packed) noexcept;

/// target[n, t, :] = f(bias + sum over taps and source channels), the target channels last. `packed` is null or what
/// correlate_pack has left there, then the weight is not read, unless in tiles. `taps` gets those of a joined pooling,
/// where it keeps them.
template <class T>
void correlate(const Correlation& plan, const T* source, const T* weight, WeightSteps steps, const void* packed,
               const T* bias, Activation activation, T* target, void* scratch, uint8_t* taps = nullptr) noexcept;
template <class T>
size_t correlate_scratch_bytes(const Correlation& plan) noexcept;

}  // namespace cygnet
