#include "norm_channels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "activation_functions.h"
#include "core/parallel.h"
#include "simd/loop.h"
#include "simd/stream.h"

namespace cygnet {
namespace {

constexpr int64_t widest = 512;              // columns that a task takes, at most
constexpr int64_t piece_rows = 128;          // rows of a task, at least, where there are as many
constexpr int64_t piece_elements = 16384;    // elements of a task, at least
constexpr int64_t resident_bytes = 4 << 20;  // of the samples that are normalised at a time

// How the rows of a sample are walked. Several rows of few channels are walked as one, so that vectors are full and
// enough sums run side by side; long rows are cut into blocks of columns.
template <class T>
struct Walk {
  ChannelSizes sizes;
  int64_t fold = 1;        // rows of the array in a row of the walk
  int64_t stride;          // elements of a row of the walk
  int64_t blocks;          // of columns
  int64_t rows;            // rows of the array in a piece
  int64_t pieces;          // of a sample
  int64_t begin = 0, end;  // the samples that are walked

  explicit Walk(ChannelSizes s) noexcept : sizes(s), end(s.samples) {
    constexpr int64_t lanes = Vec<T>::lanes;
    while (s.channels * fold % lanes || s.channels * fold < 4 * lanes) fold *= 2;
    if (s.channels * fold > widest) fold = 1;
    stride = s.channels * fold;
    blocks = (stride + widest - 1) / widest;
    rows = fold * std::max(piece_rows, piece_elements / std::min(stride, widest));
    pieces = std::max<int64_t>(1, (s.rows + rows - 1) / rows);
  }

  // Whether an array is written past the caches.
  bool streams(const T* out) const noexcept {
    const int64_t sample = sizes.rows * sizes.channels;
    return cygnet::streams(out, sizes.samples * sample, sizes.samples == 1 ? stride : std::gcd(stride, sample));
  }
};

// The part of an array that one task takes.
struct Piece {
  int64_t sample, index;    // which one of the sample
  int64_t first, channels;  // of the sample's channels
  int64_t count;            // rows of the array
  int64_t offset;           // of the first element
  int64_t stride, fold;
  int64_t rows, width;  // of the walk
  int64_t rest;         // elements of a last row that is shorter

  // How far ahead sums fetch, in elements: 2 KB, and beyond the rows that they take together.
  int64_t ahead() const noexcept { return std::max<int64_t>(512, 4 * stride); }

  // The first rows of the walk.
  Piece beginning(int64_t some) const noexcept {
    Piece p = *this;
    if (rows == 0) return p;
    p.rows = std::min(rows, some);
    p.count = p.rows * fold;
    p.rest = 0;
    return p;
  }
};

template <class T, class Body>
void for_pieces(const Walk<T>& walk, double work, const Body& body) noexcept {
  const ChannelSizes& s = walk.sizes;
  const int64_t tasks = (walk.end - walk.begin) * walk.pieces * walk.blocks;
  const int64_t elements = std::min(walk.rows, s.rows) * s.channels / walk.blocks;
  const int64_t grain = std::max<int64_t>(1, piece_elements / std::max<int64_t>(1, elements));
  parallel_ranges(tasks, grain, work * static_cast<double>(elements), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      Piece p;
      p.sample = walk.begin + task / (walk.pieces * walk.blocks);
      p.index = task / walk.blocks % walk.pieces;
      p.first = task % walk.blocks * widest;
      p.channels = std::min(widest, s.channels - p.first);
      p.count = std::min(walk.rows, s.rows - p.index * walk.rows);
      p.offset = (p.sample * s.rows + p.index * walk.rows) * s.channels + p.first;
      p.stride = walk.stride;
      p.fold = walk.fold;
      p.rows = p.count / p.fold;
      p.width = p.channels * p.fold;
      p.rest = p.count % p.fold * p.channels;
      body(p);
    }
  });
}

// body(walk) over all samples, so few at a time that what a first pass has read is still in a cache for the next.
template <class T, class Body>
void for_residents(Walk<T> walk, const Body& body) noexcept {
  const int64_t bytes = walk.sizes.rows * walk.sizes.channels * static_cast<int64_t>(sizeof(T));
  const int64_t some = std::max<int64_t>(1, resident_bytes / std::max<int64_t>(1, bytes));
  for (; walk.begin < walk.sizes.samples; walk.begin = walk.end) {
    walk.end = std::min(walk.sizes.samples, walk.begin + some);
    body(walk);
  }
}

// Calls f(column)(offset of the element, lanes) for every vector of the piece, a few rows at a time, so that what f
// loads for a column serves all of them.
template <class T, class F>
inline void for_elements(const Piece& p, const F& f) noexcept {
  constexpr int together = 2;
  int64_t r = 0;
  for (; r + together <= p.rows; r += together) {
    const int64_t offset = p.offset + r * p.stride;
    for_vectors<T>(0, p.width, [&](int64_t i, int n) {
      const auto column = f(i);
      for (int q = 0; q < together; ++q) column(offset + q * p.stride + i, n);
    });
  }
  for (; r <= p.rows; ++r) {
    const int64_t offset = p.offset + r * p.stride;
    for_vectors<T>(0, r < p.rows ? p.width : p.rest, [&](int64_t i, int n) { f(i)(offset + i, n); });
  }
}

template <class T>
struct alignas(64) Columns {
  T value[widest];

  Vec<T> operator[](int64_t i) const { return Vec<T>::load(value + i); }

  // From one number a channel (1 if null) to one a column.
  void spread(const Piece& p, const T* from, T absent = T(1)) noexcept {
    if (from)
      std::copy_n(from, p.channels, value);
    else
      std::fill_n(value, p.channels, absent);
    for (int64_t have = p.channels; have < p.width; have *= 2) std::copy_n(value, have, value + have);
  }
  // From one sum a column to one a channel, in the first `channels` places.
  void gather(const Piece& p) noexcept {
    for (int64_t half = p.width / 2; half >= p.channels; half /= 2)
      for_vectors<T>(0, half, [&](int64_t i, int n) {
        (Vec<T>::load(value + i, n) + Vec<T>::load(value + half + i, n)).store(value + i, n);
      });
  }
};

template <class T, int sums>
struct Terms {
  Vec<T> v[sums];

  Terms operator+(const Terms& other) const {
    Terms total;
    for (int k = 0; k < sums; ++k) total.v[k] = v[k] + other.v[k];
    return total;
  }
};

// total[k][c] = sum over the rows of terms(column)(offset, lanes).v[k], one number a channel.
template <class T, int sums, class F>
inline void column_sums(const Piece& p, Columns<T> (&total)[sums], const F& terms) noexcept {
  for (auto& columns : total) std::fill_n(columns.value, (p.width + 63) / 64 * 64, T(0));
  // The lanes beyond the end of a shorter row are other columns.
  const auto add = [&](int64_t i, const Terms<T, sums>& more, int n) {
    for (int k = 0; k < sums; ++k) (total[k][i] + first_lanes(more.v[k], n)).store(total[k].value + i);
  };
  constexpr int together = 8 / sums;
  int64_t r = 0;
  for (; r + together <= p.rows; r += together) {
    const int64_t offset = p.offset + r * p.stride;
    for_vectors<T>(0, p.width, [&](int64_t i, int n) {
      const auto column = terms(i);
      Terms<T, sums> part[together];
      for (int q = 0; q < together; ++q) part[q] = column(offset + q * p.stride + i, n);
      for (int half = together / 2; half; half /= 2)
        for (int q = 0; q < half; ++q) part[q] = part[q] + part[q + half];
      add(i, part[0], n);
    });
  }
  for (; r <= p.rows; ++r)
    for_vectors<T>(0, r < p.rows ? p.width : p.rest,
                   [&](int64_t i, int n) { add(i, terms(i)(p.offset + r * p.stride + i, n), n); });
  for (auto& columns : total) columns.gather(p);
}

// The scratch of a call: doubles first, for alignment.
template <class T>
struct Scratch {
  double* total[2];   // (samples, channels)
  double* partial;    // (samples, pieces, 2, channels)
  T* coefficient[4];  // (samples, channels)
  T* variance;        // (samples, groups)
  size_t bytes;

  Scratch(const Walk<T>& walk, void* memory) noexcept {
    const int64_t count = walk.sizes.samples * walk.sizes.channels;
    char* at = static_cast<char*>(memory);
    const auto take = [&](auto*& pointer, int64_t n) {
      pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(at);
      at += static_cast<size_t>(n) * sizeof(*pointer);
    };
    for (auto& t : total) take(t, count);
    take(partial, 2 * count * walk.pieces);
    for (auto& c : coefficient) take(c, count);
    take(variance, walk.sizes.samples * walk.sizes.groups);
    bytes = static_cast<size_t>(at - static_cast<char*>(memory));
  }
  double* partial_of(const Walk<T>& walk, int64_t sample, int64_t piece, int which) const noexcept {
    return partial + ((sample * walk.pieces + piece) * 2 + which) * walk.sizes.channels;
  }
};

// body(sample, first group, last group) over all sets, some sixty-four channels at a time.
template <class T, class Body>
void for_groups(const Walk<T>& walk, const Body& body) noexcept {
  const ChannelSizes& s = walk.sizes;
  const int64_t step = std::max<int64_t>(1, 64 * s.groups / s.channels), runs = (s.groups + step - 1) / step;
  const int64_t samples = walk.end - walk.begin;
  parallel_for(samples * runs, static_cast<double>(samples * s.channels * walk.pieces), [&](int64_t task) {
    const int64_t first = task % runs * step;
    body(walk.begin + task / runs, first, std::min(s.groups, first + step));
  });
}

template <class T>
double rstd_of(T variance, double eps) noexcept {
  return 1 / std::sqrt(static_cast<double>(variance) + eps);
}

// Mean and squares around it of every set from those of the pieces' channels: squares around another mean add the
// squared distance of the means for each element (T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample
// variance", 1983).
template <class T>
void combine_statistics(const Walk<T>& walk, const Scratch<T>& scratch, double eps, T* mean, T* rstd) noexcept {
  const ChannelSizes s = walk.sizes;
  const int64_t per_group = s.channels / s.groups;
  for_groups(walk, [&](int64_t sample, int64_t first, int64_t last) {
    const int64_t begin = first * per_group, end = last * per_group;
    double* const sum = scratch.total[0] + sample * s.channels;
    double* const square = scratch.total[1] + sample * s.channels;
    std::fill(sum + begin, sum + end, 0.0);
    std::fill(square + begin, square + end, 0.0);
    const auto rows_of = [&](int64_t piece) {
      return static_cast<double>(std::min(walk.rows, s.rows - piece * walk.rows));
    };
    for (int64_t piece = 0; piece < walk.pieces; ++piece) {
      const double* const part = scratch.partial_of(walk, sample, piece, 0);
      const double rows = rows_of(piece);
      for (int64_t c = begin; c < end; ++c) sum[c] += rows * part[c];
    }
    for (int64_t g = first; g < last; ++g) {
      double total = 0;
      for (int64_t c = g * per_group; c < (g + 1) * per_group; ++c) total += sum[c];
      total /= static_cast<double>(s.set());
      std::fill_n(sum + g * per_group, per_group, total);
      mean[sample * s.groups + g] = static_cast<T>(total);
    }
    for (int64_t piece = 0; piece < walk.pieces; ++piece) {
      const double *const part = scratch.partial_of(walk, sample, piece, 0), *const squares = part + s.channels;
      const double rows = rows_of(piece);
      for (int64_t c = begin; c < end; ++c) {
        const double distance = part[c] - sum[c];
        square[c] += squares[c] + rows * distance * distance;
      }
    }
    for (int64_t g = first; g < last; ++g) {
      double total = 0;
      for (int64_t c = g * per_group; c < (g + 1) * per_group; ++c) total += square[c];
      total /= static_cast<double>(s.set());
      scratch.variance[sample * s.groups + g] = static_cast<T>(total);
      rstd[sample * s.groups + g] = static_cast<T>(rstd_of(total, eps));
    }
  });
}

// Up to the largest number there is.
void count_batch(int64_t* batches) noexcept {
  if (batches && *batches < std::numeric_limits<int64_t>::max()) ++*batches;
}

template <class T>
void update_running(const ChannelSizes& s, const RunningStatistics<T>& running, const T* mean,
                    const T* variance) noexcept {
  count_batch(running.batches);
  if (!running.mean || s.samples == 0) return;
  const double step = running.cumulative ? 1 / static_cast<double>(*running.batches) : running.momentum;
  const double set = static_cast<double>(s.set()), samples = static_cast<double>(s.samples);
  const double correction = running.unbiased ? set / (set - 1) : 1;
  for (int64_t c = 0; c < s.channels; ++c) {
    double means = 0, variances = 0;
    for (int64_t i = c; i < s.samples * s.channels; i += s.channels) {
      means += static_cast<double>(mean[i]);
      variances += static_cast<double>(variance[i]);
    }
    const auto move = [step](T& average, double value) {
      average = static_cast<T>((1 - step) * static_cast<double>(average) + step * value);
    };
    move(running.mean[c], means / samples);
    move(running.variance[c], variances / samples * correction);
  }
}

// What a sample's channels are multiplied with: the mean of their group, and rstd times weight.
template <class T>
void spread_groups(const Walk<T>& walk, const T* mean, const T* rstd, const T* weight,
                   const Scratch<T>& scratch) noexcept {
  const ChannelSizes& s = walk.sizes;
  const int64_t per_group = s.channels / s.groups;
  T* center = scratch.coefficient[0] + walk.begin * s.channels;
  T* scale = scratch.coefficient[1] + walk.begin * s.channels;
  mean += walk.begin * s.groups;
  rstd += walk.begin * s.groups;
  for (int64_t sample = walk.begin; sample < walk.end; ++sample)
    for (int64_t g = 0, c = 0; g < s.groups; ++g, ++mean, ++rstd)
      for (const int64_t end = c + per_group; c < end; ++c) {
        *center++ = *mean;
        *scale++ = weight ? *rstd * weight[c] : *rstd;
      }
}

template <class F>
void with_flag(bool flag, const F& f) noexcept {
  if (flag)
    f(std::true_type{});
  else
    f(std::false_type{});
}

template <class T>
Vec<T> normalized(Vec<T> x, Vec<T> center, Vec<T> scale, Vec<T> bias) noexcept {
  return fma(x - center, scale, bias);
}

// mean and rstd of the samples that are walked, and their variances in the scratch.
template <class T>
void take_statistics(const Walk<T>& walk, const Scratch<T>& scratch, const T* x, double eps, T* mean,
                     T* rstd) noexcept {
  for_pieces(walk, 2, [&](const Piece& p) {
    // Squares around the mean of some first rows: one pass, and what it loses is small beside the variance, which
    // these rows belong to.
    Columns<T> some[1], total[2], center;
    const Piece first = p.beginning(8);
    column_sums<T>(first, some,
                   [=](int64_t) { return [=](int64_t at, int n) { return Terms<T, 1>{{Vec<T>::load(x + at, n)}}; }; });
    for (int64_t c = 0; c < p.channels; ++c) some[0].value[c] /= static_cast<T>(first.count);
    center.spread(p, some[0].value);
    column_sums<T>(p, total, [&](int64_t i) {
      return [x, c = center[i], ahead = p.ahead()](int64_t at, int n) {
        prefetch(x + at + ahead);
        const Vec<T> distance = Vec<T>::load(x + at, n) - c;
        return Terms<T, 2>{{distance, distance * distance}};
      };
    });
    double* const means = scratch.partial_of(walk, p.sample, p.index, 0) + p.first;
    double* const squares = scratch.partial_of(walk, p.sample, p.index, 1) + p.first;
    for (int64_t c = 0; c < p.channels; ++c) {
      const double distance = static_cast<double>(total[0].value[c]) / static_cast<double>(p.count);
      const double square = static_cast<double>(total[1].value[c]) - static_cast<double>(p.count) * distance * distance;
      means[c] = static_cast<double>(center.value[c]) + distance;
      squares[c] = square < 0 ? 0 : square;
    }
  });
  combine_statistics(walk, scratch, eps, mean, rstd);
}

// y of the samples that are walked.
template <class T>
void normalise(const Walk<T>& walk, const Scratch<T>& scratch, const T* x, const T* mean, const T* rstd,
               const T* weight, const T* bias, const T* residual, bool relu_after, T* out) noexcept {
  const ChannelSizes s = walk.sizes;
  T *const centers = scratch.coefficient[0], *const scales = scratch.coefficient[1];
  spread_groups(walk, mean, rstd, weight, scratch);
  const bool streams = walk.streams(out);
  with_flag(residual, [&](auto adds) {
    with_flag(relu_after, [&](auto relus) {
      for_pieces(walk, 1, [&](const Piece& p) {
        Columns<T> center, scale, shift;
        center.spread(p, centers + p.sample * s.channels + p.first);
        scale.spread(p, scales + p.sample * s.channels + p.first);
        shift.spread(p, bias ? bias + p.first : nullptr, T(0));
        for_elements<T>(p, [&](int64_t i) {
          return [=, c = center[i], a = scale[i], b = shift[i]](int64_t at, int n) {
            Vec<T> y = normalized(Vec<T>::load(x + at, n), c, a, b);
            if constexpr (decltype(adds)::value) y += Vec<T>::load(residual + at, n);
            if constexpr (decltype(relus)::value) y = relu(y);
            put(y, out + at, n, streams);
          };
        });
        if (streams) stream_fence();
      });
    });
  });
}

}  // namespace

template <class T>
size_t channel_norm_scratch_bytes(ChannelSizes sizes) noexcept {
  return Scratch<T>(Walk<T>(sizes), nullptr).bytes;
}

template <class T>
void channel_statistics_of(const T* running_mean, const T* running_variance, int64_t channels, double eps, T* mean,
                           T* rstd) noexcept {
  std::copy_n(running_mean, channels, mean);
  for (int64_t c = 0; c < channels; ++c) rstd[c] = static_cast<T>(rstd_of(running_variance[c], eps));
}

template <class T>
void channel_norm_forward(ChannelSizes s, const T* x, const T* mean, const T* rstd, const T* weight, const T* bias,
                          const T* residual, bool relu, T* out, void* memory) noexcept {
  const Walk<T> walk(s);
  normalise(walk, Scratch<T>(walk, memory), x, mean, rstd, weight, bias, residual, relu, out);
}

template <class T>
void channel_norm_training_forward(ChannelSizes s, const T* x, double eps, const RunningStatistics<T>& running, T* mean,
                                   T* rstd, const T* weight, const T* bias, const T* residual, bool relu, T* out,
                                   void* memory) noexcept {
  if (s.set() == 0) {
    std::fill_n(mean, s.samples * s.groups, T(0));
    std::fill_n(rstd, s.samples * s.groups, T(0));
    count_batch(running.batches);
    return;
  }
  const Walk<T> whole(s);
  const Scratch<T> scratch(whole, memory);
  for_residents(whole, [&](const Walk<T>& walk) {
    take_statistics(walk, scratch, x, eps, mean, rstd);
    normalise(walk, scratch, x, mean, rstd, weight, bias, residual, relu, out);
  });
  update_running(s, running, mean, scratch.variance);
}

namespace {

// The sums of g and g (x - mean) of every piece; where y is given, g is kept.
template <class T, class Masks>
void sum_gradients(const Walk<T>& walk, const ChannelNormBackward<T>& of, const Scratch<T>& scratch, Masks) noexcept {
  const ChannelSizes s = walk.sizes;
  const bool streams = of.y && walk.streams(of.grad_residual);
  for_pieces(walk, 2, [&](const Piece& p) {
    Columns<T> total[2], center, scale, shift;
    center.spread(p, scratch.coefficient[0] + p.sample * s.channels + p.first);
    if constexpr (Masks::value) {
      scale.spread(p, scratch.coefficient[1] + p.sample * s.channels + p.first);
      shift.spread(p, of.bias ? of.bias + p.first : nullptr, T(0));
    }
    const auto terms = [&](auto keeps) {
      column_sums<T>(p, total, [&](int64_t i) {
        return [=, of = of, c = center[i], a = scale[i], b = shift[i], ahead = p.ahead()](int64_t at, int n) {
          prefetch(of.grad + at + ahead);
          prefetch(of.x + at + ahead);
          Vec<T> g = Vec<T>::load(of.grad + at, n);
          const Vec<T> x = Vec<T>::load(of.x + at, n);
          if constexpr (Masks::value) g = relu_gradient(g, normalized(x, c, a, b));
          if constexpr (decltype(keeps)::value) {
            g = relu_gradient(g, Vec<T>::load(of.y + at, n));
            put(g, of.grad_residual + at, n, streams);
          }
          return Terms<T, 2>{{g, g * (x - c)}};
        };
      });
    };
    with_flag(of.y, terms);
    if (streams) stream_fence();
    for (int k = 0; k < 2; ++k)
      std::copy_n(total[k].value, p.channels, scratch.partial_of(walk, p.sample, p.index, k) + p.first);
  });
}

// Of each sample the gradients of weight and bias, and the coefficients of grad_x = g scale - (x - center) slope -
// offset.
template <class T>
void combine_gradients(const Walk<T>& walk, const ChannelNormBackward<T>& of, const Scratch<T>& scratch) noexcept {
  const ChannelSizes s = walk.sizes;
  const int64_t per_group = s.channels / s.groups;
  for_groups(walk, [&](int64_t sample, int64_t first, int64_t last) {
    const int64_t begin = first * per_group, end = last * per_group, row = sample * s.channels;
    for (int k = 0; k < 2; ++k) {
      double* const total = scratch.total[k] + row;
      std::fill(total + begin, total + end, 0.0);
      for (int64_t piece = 0; piece < walk.pieces; ++piece) {
        const double* const part = scratch.partial_of(walk, sample, piece, k);
        for (int64_t c = begin; c < end; ++c) total[c] += part[c];
      }
    }
    for (int64_t g = first; g < last; ++g) {
      const double rstd = static_cast<double>(of.rstd[sample * s.groups + g]), set = static_cast<double>(s.set());
      double *const sum = scratch.total[0] + row, *const product = scratch.total[1] + row;
      double mean = 0, slope = 0;
      for (int64_t c = g * per_group; c < (g + 1) * per_group; ++c) {
        const double weight = of.weight ? static_cast<double>(of.weight[c]) : 1;
        product[c] *= rstd;
        mean += weight * sum[c];
        slope += weight * product[c];
      }
      std::fill_n(scratch.coefficient[2] + row + g * per_group, per_group, static_cast<T>(slope / set * rstd * rstd));
      std::fill_n(scratch.coefficient[3] + row + g * per_group, per_group, static_cast<T>(mean / set * rstd));
    }
  });
}

template <class T>
void add_samples(const ChannelSizes& s, const double* totals, T* gradient) noexcept {
  if (!gradient) return;
  for (int64_t c = 0; c < s.channels; ++c) {
    double total = 0;
    for (int64_t i = c; i < s.samples * s.channels; i += s.channels) total += totals[i];
    gradient[c] = static_cast<T>(total);
  }
}

template <class T, class Trains, class Masks>
void input_gradient(const Walk<T>& walk, const ChannelNormBackward<T>& of, const Scratch<T>& scratch, Trains,
                    Masks) noexcept {
  const ChannelSizes s = walk.sizes;
  const T* const grad = of.y ? of.grad_residual : of.grad;
  const bool streams = walk.streams(of.grad_x);
  for_pieces(walk, 1, [&](const Piece& p) {
    Columns<T> center, scale, slope, offset, shift;
    const int64_t first = p.sample * s.channels + p.first;
    center.spread(p, scratch.coefficient[0] + first);
    scale.spread(p, scratch.coefficient[1] + first);
    if constexpr (Trains::value) {
      slope.spread(p, scratch.coefficient[2] + first);
      offset.spread(p, scratch.coefficient[3] + first);
    }
    if constexpr (Masks::value) shift.spread(p, of.bias ? of.bias + p.first : nullptr, T(0));
    for_elements<T>(p, [&](int64_t i) {
      return [=, x = of.x, to = of.grad_x, c = center[i], a = scale[i], b = shift[i], d = slope[i], e = offset[i]](
                 int64_t at, int n) {
        Vec<T> g = Vec<T>::load(grad + at, n);
        if constexpr (Masks::value) g = relu_gradient(g, normalized(Vec<T>::load(x + at, n), c, a, b));
        g = g * a;
        if constexpr (Trains::value) g = g - fma(Vec<T>::load(x + at, n) - c, d, e);
        put(g, to + at, n, streams);
      };
    });
    if (streams) stream_fence();
  });
}

}  // namespace

template <class T>
void channel_norm_backward(ChannelSizes s, const ChannelNormBackward<T>& of, void* memory) noexcept {
  const Walk<T> whole(s);
  const Scratch<T> scratch(whole, memory);
  const auto clear = [&](T* gradient) {
    if (gradient) std::fill_n(gradient, s.channels, T(0));
  };
  if (s.samples * s.set() == 0) {
    clear(of.grad_weight);
    clear(of.grad_bias);
    return;
  }
  const bool sums = of.y || of.grad_weight || of.grad_bias || of.training;
  with_flag(of.relu && !of.y, [&](auto masks) {
    for_residents(whole, [&](const Walk<T>& walk) {
      spread_groups(walk, of.mean, of.rstd, of.weight, scratch);
      if (sums) {
        sum_gradients(walk, of, scratch, masks);
        combine_gradients(walk, of, scratch);
      }
      if (!of.grad_x) return;
      with_flag(of.training, [&](auto trains) { input_gradient(walk, of, scratch, trains, masks); });
    });
  });
  add_samples(s, scratch.total[0], of.grad_bias);
  add_samples(s, scratch.total[1], of.grad_weight);
}

#define CYGNET_INSTANTIATE(T)                                                                                         \
  template size_t channel_norm_scratch_bytes<T>(ChannelSizes) noexcept;                                               \
  template void channel_statistics_of<T>(const T*, const T*, int64_t, double, T*, T*) noexcept;                       \
  template void channel_norm_forward<T>(ChannelSizes, const T*, const T*, const T*, const T*, const T*, const T*,     \
                                        bool, T*, void*) noexcept;                                                    \
  template void channel_norm_training_forward<T>(ChannelSizes, const T*, double, const RunningStatistics<T>&, T*, T*, \
                                                 const T*, const T*, const T*, bool, T*, void*) noexcept;             \
  template void channel_norm_backward<T>(ChannelSizes, const ChannelNormBackward<T>&, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
