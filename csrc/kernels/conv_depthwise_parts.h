// How convolutions in groups of few channels are cut: what the forward pass and the gradients share.
#pragma once

#include <numeric>

#include "conv_depthwise.h"

namespace cygnet::depthwise {

/// Neighbouring taps of a line of the filter that a block of registers covers, at most.
constexpr int most_taps = 3;

/// What a target position reads along an axis: `taps` of the taps, `Spans::tap_step` apart; the first one's source
/// position. It and the next run - 1 positions of its phase read the same taps.
struct Span {
  int64_t tap, source, taps, run;
};

struct Spans {
  Span* at;
  int64_t tap_step, source_step;

  Spans(const Axis& axis, Carver& carver) : at(carver.take<Span>(axis.target)) {
    tap_step = axis.target_step / std::gcd(axis.target_step, axis.tap_step);
    source_step = axis.tap_step * tap_step / axis.target_step;
  }
  void fill(const Axis& axis) const noexcept {
    for (int64_t t = axis.target - 1; t >= 0; --t) {
      Span& span = at[t];
      span = {0, 0, 0, 1};
      for (int64_t k = 0; k < axis.taps; ++k) {
        const int64_t scaled = t * axis.source_step + axis.base + k * axis.tap_step;
        if (scaled < 0 || scaled >= axis.source * axis.target_step || scaled % axis.target_step != 0) continue;
        if (span.taps++ == 0) span.tap = k, span.source = scaled / axis.target_step;
      }
      if (t + axis.target_step >= axis.target) continue;
      const Span& next = at[t + axis.target_step];
      if (next.tap == span.tap && next.taps == span.taps) span.run = next.run + 1;
    }
  }
  /// From a read's tap to the next one's, in taps.
  int64_t weight_step() const { return source_step > 0 ? tap_step : -tap_step; }
  /// Whether neighbouring taps read neighbouring positions.
  bool neighbours(const Axis& axis) const { return std::abs(source_step) == axis.source_step; }
  int64_t last_source(const Span& span) const { return span.source + (span.taps - 1) * source_step; }
  /// The source positions that the target positions [begin, begin + size) read, at least one.
  void range(int64_t begin, int64_t size, int64_t& first, int64_t& count) const noexcept {
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int64_t t = begin; t < begin + size; ++t) {
      if (at[t].taps == 0) continue;
      low = std::min({low, at[t].source, last_source(at[t])});
      high = std::max({high, at[t].source, last_source(at[t])});
    }
    first = low <= high ? low : 0;
    count = low <= high ? high - low + 1 : 1;
  }
};

template <class T>
struct Workspace {
  Spans spans[max_axes];
  T* slabs;  // one of each task

  Workspace(const LaneConv& plan, Carver& carver)
      : spans{{plan.axes[0], carver}, {plan.axes[1], carver}, {plan.axes[2], carver}},
        slabs(carver.take<T>(plan.copied ? plan.tasks * slab_size(plan) : 0)) {}

  static int64_t slab_size(const LaneConv& plan) {
    return plan.depth() * plan.part_vectors * plan.slab_pixels * Vec<T>::lanes;
  }
  void fill(const LaneConv& plan) const noexcept {
    for (int i = 0; i < max_axes; ++i) spans[i].fill(plan.axes[i]);
  }
};

/// An image, some of its channel vectors and a box of its target positions.
struct Part {
  int64_t image, vector, vectors;
  Box box;
};

inline Part part_of(const LaneConv& plan, int64_t index) noexcept {
  const int64_t runs = ceil_div(plan.vectors, plan.part_vectors), boxes = plan.boxes.boxes();
  const int64_t size[] = {plan.axes[0].target, plan.axes[1].target, plan.axes[2].target};
  const int64_t vector = index / boxes % runs * plan.part_vectors;
  return {index / boxes / runs, vector, std::min(plan.part_vectors, plan.vectors - vector),
          plan.boxes.at(index % boxes, size)};
}

/// The source of a part: position p and source channel k of a group are at data + sum of (p - begin) pitch + k depth,
/// the next vector of channels is `vector` further.
template <class T>
struct Source {
  const T* data;
  int64_t begin[max_axes], pitch[max_axes], depth, vector;
};

/// to[x][i] = from[i][x] for `count` x.
template <class T>
void transpose(const T* const (&from)[Vec<T>::lanes], int64_t count, T* to) noexcept {
  using V = Vec<T>;
  for (int64_t x = 0; x < count; x += V::lanes) {
    const int valid = static_cast<int>(std::min<int64_t>(V::lanes, count - x));
    Eigen::internal::PacketBlock<typename V::Packet, V::lanes> block;
    for (int i = 0; i < V::lanes; ++i)
      block.packet[i] = valid == V::lanes ? V::load(from[i] + x).p : V::load(from[i] + x, valid).p;
    Eigen::internal::ptranspose(block);
    for (int i = 0; i < valid; ++i) V(block.packet[i]).store(to + (x + i) * V::lanes);
  }
}

template <class T>
Source<T> source_of(const LaneConv& plan, const Workspace<T>& workspace, int64_t task, const T* images,
                    const Part& part) noexcept {
  using V = Vec<T>;
  constexpr int lanes = V::lanes;
  const int64_t size[] = {plan.axes[0].source, plan.axes[1].source, plan.axes[2].source};
  const int64_t pixels = size[0] * size[1] * size[2], channels = plan.source_channels;
  const T* const image = images + part.image * pixels * channels;
  if (!plan.copied)
    return {
        image + part.vector * lanes, {0, 0, 0}, {size[1] * size[2] * channels, size[2] * channels, channels}, 0, lanes};
  Box box;
  for (int i = 0; i < max_axes; ++i)
    workspace.spans[i].range(part.box.begin[i], part.box.size[i], box.begin[i], box.size[i]);
  const int64_t line = box.size[2] * lanes, vector = box.pixels() * lanes;
  T* const slab = workspace.slabs + task * Workspace<T>::slab_size(plan);
  // Whole lines follow each other in the source, too.
  const bool whole_lines = box.size[2] == size[2];
  const int64_t rows = whole_lines ? 1 : box.size[1], row_pixels = box.size[2] * (whole_lines ? box.size[1] : 1);
  for (int64_t k = 0; k < plan.depth(); ++k)
    for (int64_t v = 0; v < part.vectors; ++v) {
      int64_t channel[lanes];
      for (int i = 0; i < lanes; ++i)
        channel[i] =
            std::min((part.vector + v) * lanes + i, plan.target_channels - 1) / plan.columns() * plan.depth() + k;
      T* to = slab + (k * part.vectors + v) * vector;
      for (int64_t z = 0; z < box.size[0]; ++z)
        for (int64_t y = 0; y < rows; ++y, to += row_pixels * lanes) {
          const int64_t pixel = ((box.begin[0] + z) * size[1] + box.begin[1] + y) * size[2] + box.begin[2];
          if (plan.channels_last) {
            const T* from = image + pixel * channels;
            for (int64_t x = 0; x < row_pixels; ++x, from += channels)
              for (int i = 0; i < lanes; ++i) to[x * lanes + i] = from[channel[i]];
          } else {
            const T* planes[lanes];
            for (int i = 0; i < lanes; ++i) planes[i] = image + channel[i] * pixels + pixel;
            transpose<T>(planes, row_pixels, to);
          }
        }
    }
  return {slab,
          {box.begin[0], box.begin[1], box.begin[2]},
          {box.size[1] * line, line, lanes},
          part.vectors * vector,
          vector};
}

}  // namespace cygnet::depthwise
