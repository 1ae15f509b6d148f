// Correlations with few target channels, whose vectors would be mostly empty: vectors run over positions instead. The
// source is copied first, one plane a channel, with its padding; neighbouring lines of a plane follow each other, so
// that a vector may reach over the end of a line: what it finds for the positions there is dropped.
#pragma once

#include "conv_plan.h"

namespace cygnet {

/// Such a correlation and how it is cut; all of it follows from the shape alone. Positions are those of one phase.
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

/// Whether this is the faster way for one group of channels.
template <class T>
bool few_targets(const Axis (&axes)[max_axes], int64_t source_channels, int64_t target_channels) noexcept;

template <class T>
PositionConv plan_positions(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                            int64_t target_channels, bool channels_last) noexcept;

/// As `correlate`.
template <class T>
void correlate_positions(const PositionConv& plan, const T* source, const T* weight, WeightSteps steps, const T* bias,
                         Activation activation, T* target, void* scratch) noexcept;
template <class T>
size_t correlate_positions_scratch_bytes(const PositionConv& plan) noexcept;

}  // namespace cygnet
