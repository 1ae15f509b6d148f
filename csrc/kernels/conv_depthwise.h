// Convolutions in groups of few channels, depthwise ones above all: vectors run over the channels of all groups, and a
// product is a lane's own.
//
// A channels-last source of a depthwise convolution is read where it is. Else it is copied first, a vector of target
// channels t after the other, each position with the source channels that those read:
//
//   slab[k][vector of t][position][lane of t] = source[group of t * depth + k][position]
//
// for the `depth` source channels k of a group.
#pragma once

#include "conv_plan.h"

namespace cygnet {

/// Such a correlation and how it is cut; all of it follows from the shape alone.
struct LaneConv {
  Axis axes[max_axes];
  int64_t images, source_channels, target_channels, groups;
  bool channels_last;  // the source's memory order

  bool copied;
  int64_t vectors;       // of target channels; a part has some of them,
  int64_t part_vectors;  // all but the last this many
  Boxes boxes;           // of target positions
  int64_t slab_pixels;   // at most, of a box
  int64_t parts;         // images x boxes x runs of vectors; tasks work off runs of them
  int64_t tasks;
  double multiplications;

  int64_t depth() const { return source_channels / groups; }
  int64_t columns() const { return target_channels / groups; }
  int64_t taps() const { return axes[0].taps * axes[1].taps * axes[2].taps; }
};

template <class T>
LaneConv plan_lanes(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels, int64_t target_channels,
                    int64_t groups, bool channels_last) noexcept;

/// The multiply-adds of one position and tap, with those of empty lanes and the cost of the copy.
template <class T>
double lane_work(int64_t source_channels, int64_t target_channels, int64_t groups, int64_t taps) noexcept;

/// As `correlate`.
template <class T>
void correlate_lanes(const LaneConv& plan, const T* source, const T* weight, WeightSteps steps, const T* bias,
                     Activation activation, T* target, void* scratch) noexcept;
template <class T>
size_t correlate_lanes_scratch_bytes(const LaneConv& plan) noexcept;

/// As `conv_backward_weight`; the plan is that of the forward pass.
template <class T>
void backward_weight_lanes(const LaneConv& plan, const T* grad_output, const T* input, T* grad_weight, T* grad_bias,
                           void* scratch) noexcept;
template <class T>
size_t backward_weight_lanes_scratch_bytes(const LaneConv& plan) noexcept;

}  // namespace cygnet
