// Correlations with few target channels, whose vectors would be mostly empty: vectors run over positions instead. The
// source is copied first, one plane a channel, with its padding; neighbouring lines of a plane follow each other, so
// that a vector may reach over the end of a line: what it finds for the positions there is dropped.
#pragma once

#include "conv_plan.h"

namespace cygnet {

/// Whether this is the faster way for one group of channels.
template <class T>
bool few_targets(const Axis (&axes)[max_axes], int64_t source_channels, int64_t target_channels) noexcept;

template <class T>
PositionConv plan_positions(const Axis (&axes)[max_axes], int64_t images, int64_t source_channels,
                            int64_t target_channels, bool channels_last) noexcept;

/// As for `correlate`.
template <class T>
size_t positions_packed_bytes(const PositionConv& plan) noexcept;
template <class T>
void pack_positions(const PositionConv& plan, const T* weight, WeightSteps steps, void* packed) noexcept;

template <class T>
void correlate_positions(const PositionConv& plan, const T* source, const void* packed, const T* bias,
                         Activation activation, T* target, void* scratch) noexcept;
template <class T>
size_t correlate_positions_scratch_bytes(const PositionConv& plan) noexcept;

}  // namespace cygnet
