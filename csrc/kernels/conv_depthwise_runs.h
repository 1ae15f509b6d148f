// How convolutions in groups of few channels visit their source: what the forward pass and the gradients share.
#pragma once

#include <numeric>

#include "conv_depthwise.h"

namespace cygnet::depthwise {

/// A block of registers: neighbouring positions, and neighbouring taps of a line of the filter, which read each element
/// of the source once for all of them.
constexpr int strip_positions = 8;
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

/// Neighbouring taps of a line of the filter: tap i at position m reads source + (m + i) steps, and its weight is at
/// weight + i Spans::weight_step().
struct Read {
  int64_t source, weight, taps;
};

/// Neighbouring positions of a line with the same reads.
template <class T>
struct Run {
  int64_t positions, count;  // of reads
  const Read* reads;
  const T* source;  // of the first position and read
  int64_t ahead;    // from there to what the next line will read first
  int64_t target;   // first position
  bool last_line;
};

/// What the positions with these spans read.
template <class T>
int64_t list_reads(const LaneConv& plan, const Spans (&axes)[max_axes], const Span* const (&spans)[max_axes],
                   const Source<T>& from, Read* reads) noexcept {
  const int64_t most = axes[2].neighbours(plan.axes[2]) ? most_taps : 1;
  int64_t count = 0;
  for (int64_t k = 0; k < plan.depth(); ++k)
    for (int64_t i = 0; i < spans[0]->taps; ++i)
      for (int64_t j = 0; j < spans[1]->taps; ++j)
        for (int64_t l = 0, taps; l < spans[2]->taps; l += taps) {
          taps = std::min(most, spans[2]->taps - l);
          const int64_t step[] = {i, j, axes[2].source_step > 0 ? l : l + taps - 1};
          int64_t source = k * from.depth, tap = k;
          for (int a = 0; a < max_axes; ++a) {
            source += step[a] * axes[a].source_step * from.pitch[a];
            tap = tap * plan.axes[a].taps + spans[a]->tap + step[a] * axes[a].tap_step;
          }
          reads[count++] = {source, tap * Vec<T>::lanes, taps};
        }
  return count;
}

/// Visits the runs of a part: down the image in strips of some positions, so that what neighbouring lines share stays
/// in the first-level cache. `reads` has room for those of a strip.
template <class T, class Body>
void visit_runs(const LaneConv& plan, const Spans (&axes)[max_axes], const Part& part, const Source<T>& from,
                Read* reads, const Body& body) noexcept {
  const Box& box = part.box;
  const int64_t step = plan.axes[2].target_step;
  Run<T> runs[strip_positions];
  int64_t source_of_run[strip_positions], right_of_run[strip_positions];
  for (int64_t z = box.begin[0]; z < box.begin[0] + box.size[0]; ++z)
    for (int64_t phase = 0; phase < std::min(step, box.size[2]); ++phase) {
      const int64_t positions = ceil_div(box.size[2] - phase, step), strips = ceil_div(positions, strip_positions);
      for (int64_t strip = 0; strip < strips; ++strip) {
        const int64_t first = positions * strip / strips, last = positions * (strip + 1) / strips;
        const Span* previous = nullptr;
        int count = 0;
        for (int64_t y = box.begin[1]; y < box.begin[1] + box.size[1]; ++y) {
          const Span* spans[] = {axes[0].at + z, axes[1].at + y, nullptr};
          if (!previous || previous->tap != spans[1]->tap || previous->taps != spans[1]->taps) {
            Read* free = reads;
            count = 0;
            for (int64_t i = first; i < last; i += runs[count++].positions) {
              spans[2] = axes[2].at + box.begin[2] + phase + i * step;
              Run<T>& run = runs[count];
              run.positions = std::min(spans[2]->run, last - i);
              run.count = list_reads(plan, axes, spans, from, free);
              run.reads = free;
              free += run.count;
              source_of_run[count] = (spans[2]->source - from.begin[2]) * from.pitch[2];
              // The columns to the left have come with the strip before.
              right_of_run[count] =
                  std::max<int64_t>(axes[2].last_source(*spans[2]) - spans[2]->source, 0) * from.pitch[2];
            }
          }
          previous = spans[1];
          const int64_t line =
              (spans[0]->source - from.begin[0]) * from.pitch[0] + (spans[1]->source - from.begin[1]) * from.pitch[1];
          int64_t ahead = 0;
          const bool last_line = y + 1 == box.begin[1] + box.size[1];
          if (!last_line && spans[1][1].taps > 0)
            ahead = (std::max(spans[1][1].source, axes[1].last_source(spans[1][1])) - spans[1]->source) * from.pitch[1];
          int64_t at = ((part.image * plan.axes[0].target + z) * plan.axes[1].target + y) * plan.axes[2].target +
                       box.begin[2] + phase + first * step;
          for (int i = 0; i < count; ++i) {
            Run<T>& run = runs[i];
            run.source = run.count > 0 ? from.data + line + source_of_run[i] : from.data;
            run.ahead = ahead + right_of_run[i];
            run.target = at;
            run.last_line = last_line;
            at += run.positions * step;
            body(run);
          }
        }
      }
    }
}

/// body(read, number of taps as a constant).
template <class Body>
inline void with_taps(const Read& read, const Body& body) noexcept {
  if (read.taps == 3)
    body(read, std::integral_constant<int, 3>());
  else if (read.taps == 2)
    body(read, std::integral_constant<int, 2>());
  else
    body(read, std::integral_constant<int, 1>());
}

}  // namespace cygnet::depthwise
