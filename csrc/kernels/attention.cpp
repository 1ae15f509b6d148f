#include "attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "carver.h"
#include "core/parallel.h"
#include "gemm.h"
#include "simd/loop.h"
#include "simd/math.h"
#include "simd/philox.h"
#include "tile.h"

namespace cygnet {
namespace {

// Keys of a block, whose packed keys and values stay in the second-level cache, and in the backward the queries whose
// weights meet them there.
constexpr int64_t key_block = 128, query_block = 64;
// Narrow panels leave many rows to a strip and let it stop close to the diagonal of causal attention.
constexpr int panel_vectors = 2;
// Strips that the rows of a matrix are read in place for; for more they are packed.
constexpr int64_t strips_in_place = 8;
// Tasks that keep the threads of a usual machine busy, the queries that each should have, and places for scratch.
constexpr int64_t enough_tasks = 16, fewest_queries = 48, most_queries = 1024, most_slots = 32;

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();

/// B of a product: in place, or packed in panels [panel][row][column].
template <class T>
struct Factor {
  const T* data;
  Panels panels;
  int64_t row_step;  // of one in place
  int64_t depth;     // of a packed one, else 0
};

template <class T>
Factor<T> in_place(const T* data, int64_t row_step, int64_t columns) noexcept {
  return {data, panels_for<T>(columns, panel_vectors), row_step, 0};
}

template <class T>
T* take_packed(int64_t depth, int64_t columns, Carver& carver) noexcept {
  return carver.take<T>(depth * panels_for<T>(columns, panel_vectors).padded_columns());
}

template <class T>
Factor<T> packed(MatrixView<T> from, int64_t depth, int64_t columns, T* to) noexcept {
  const Panels panels = panels_for<T>(columns, panel_vectors);
  for (int64_t p = 0; p < panels.panels; ++p)
    pack_panel<T>({from.data + panels.begin(p) * from.column_step, from.row_step, from.column_step}, depth,
                  panels.columns_of(p), panels.vectors_of(p), to + panels.begin(p) * depth);
  return {to, panels, 0, depth};
}

/// The first `columns` columns of C = alpha A B, or C += alpha A B: few rows, A by the steps `a_row` and `a_step`.
template <class T>
void multiply(int rows, int64_t depth, const T* a, int64_t a_row, int64_t a_step, const Factor<T>& b, int64_t columns,
              T alpha, bool accumulate, T* c, int64_t c_row) noexcept {
  int64_t a_rows[most_rows], c_rows[most_rows];
  for (int i = 0; i < rows; ++i) {
    a_rows[i] = i * a_row;
    c_rows[i] = i * c_row;
  }
  Tile<T> tile;
  tile.a = a;
  tile.a_row = a_rows;
  tile.a_step = a_step;
  tile.c_row = c_rows;
  tile.rows = rows;
  tile.depth = depth;
  tile.alpha = alpha;
  tile.accumulate = accumulate;
  tile.b_padded = b.depth > 0;
  for (int64_t p = 0; p < b.panels.panels && b.panels.begin(p) < columns; ++p) {
    const int64_t n = b.panels.begin(p);
    tile.columns = static_cast<int>(std::min<int64_t>(b.panels.columns_of(p), columns - n));
    tile.vectors = static_cast<int>(ceil_div(tile.columns, b.panels.lanes));
    tile.b = b.data + n * std::max<int64_t>(b.depth, 1);
    tile.b_step = b.depth ? int64_t{b.panels.vectors_of(p)} * b.panels.lanes : b.row_step;
    tile.c = c + n;
    run_tile(tile);
  }
}

template <class T>
int64_t whole_vectors(int64_t count) noexcept {
  return ceil_div(count, Vec<T>::lanes) * Vec<T>::lanes;
}
/// From one row of scores to the next: a vector may be stored behind the last key of a block.
template <class T>
int64_t row_length(int64_t keys) noexcept {
  return whole_vectors<T>(std::min(keys, key_block)) + Vec<T>::lanes;
}

/// Zeros from `begin`, a multiple of the lanes, to `end` and the end of its vector.
template <class T>
void clear_vectors(T* row, int64_t begin, int64_t end) noexcept {
  for (int64_t n = begin; n < end; n += Vec<T>::lanes) Vec<T>(T(0)).store(row + n);
}

/// What changes the scores and weights of one query i for the keys from j on.
template <class T>
struct Row {
  const AttentionSizes& sizes;
  const AttentionMask<T>& mask;
  const AttentionDropout& dropout;
  int64_t b, h, i, j;

  /// Adds the mask to `count` scores, and ends the last vector with scores of minus infinity.
  void add_mask(T* scores, int64_t count) const noexcept {
    const int64_t from = b * mask.batch_step + h * mask.head_step + i * mask.query_step + j * mask.key_step;
    const int64_t step = mask.key_step;
    if (mask.added)
      for (int64_t n = 0; n < count; ++n) scores[n] += mask.added[from + n * step];
    if (mask.allowed)
      for (int64_t n = 0; n < count; ++n) scores[n] = mask.allowed[from + n * step] ? scores[n] : -infinity<T>;
    Vec<T>(-infinity<T>).store(scores + count);
  }

  /// Multiplies `count` numbers by keep_ij.
  void drop(T* values, int64_t count) const noexcept {
    if (dropout.p == 0) return;
    const auto element = static_cast<uint64_t>(((b * sizes.heads + h) * sizes.queries + i) * sizes.keys + j);
    alignas(64) uint32_t words[key_block + 8 * philox_blocks];
    const int64_t before = static_cast<int64_t>(element % 4), blocks = ceil_div(before + count, 4);
    philox_words(dropout.state.key, dropout.state.draw, element / 4, ceil_div(blocks, philox_blocks), words);
    const auto lowest = static_cast<uint32_t>(std::min(std::ldexp(dropout.p, 32), 4294967295.0));
    const T scale = dropout.p < 1 ? static_cast<T>(1 / (1 - dropout.p)) : T(0);
    for (int64_t n = 0; n < count; ++n) values[n] = words[before + n] >= lowest ? values[n] * scale : T(0);
  }
};

/// Tasks share places for scratch: task(unit, place) for every unit of one place after the other.
template <class Body>
void for_units(int64_t units, double work, size_t place_bytes, void* scratch, const Body& body) noexcept {
  const int64_t slots = std::min(units, most_slots);
  parallel_for(slots, work, [&](int64_t slot) {
    Carver carver(static_cast<char*>(scratch) + static_cast<size_t>(slot) * place_bytes);
    for (int64_t unit = units * slot / slots; unit < units * (slot + 1) / slots; ++unit) {
      Carver place = carver;
      body(unit, place);
    }
  });
}

double work_of(const AttentionSizes& s) noexcept {
  return static_cast<double>(s.batch * s.heads * s.queries) * static_cast<double>(s.keys * (s.width + s.value_width));
}

/// Queries are shared out in runs where there are too few heads to.
int64_t query_runs(const AttentionSizes& s) noexcept {
  const int64_t wanted =
      std::min(ceil_div(enough_tasks, std::max<int64_t>(1, s.batch * s.heads)), s.queries / fewest_queries);
  return std::max({wanted, ceil_div(s.queries, most_queries), int64_t{1}});
}

template <class T>
struct ForwardPlace {
  T *keys, *values, *scores, *maximum, *sum;

  ForwardPlace(const AttentionSizes& s, Carver& carver) {
    const int64_t block = std::min(s.keys, key_block), run = ceil_div(s.queries, query_runs(s));
    keys = take_packed<T>(s.width, block, carver);
    values = take_packed<T>(block, s.value_width, carver);
    scores = carver.take<T>(most_rows * row_length<T>(s.keys));
    maximum = carver.take<T>(run);
    sum = carver.take<T>(run);
  }
};

/// Takes a row of scores into the running maximum and sum: the scores become exp(score - maximum), and the result is
/// the factor for what was summed up before.
template <class T>
T running_softmax(T* scores, int64_t count, T& maximum, T& sum) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> largest = Vec<T>::load(scores);
  for (int64_t n = lanes; n < count; n += lanes) largest = larger_number(largest, Vec<T>::load(scores + n));
  const T before = maximum;
  maximum = std::max(before, largest_number(largest));  // a NaN is in the sum whatever the maximum
  const T shift = maximum == -infinity<T> ? T(0) : maximum;
  Vec<T> total(T(0));
  for (int64_t n = 0; n < count; n += lanes) {
    const Vec<T> e = exp(Vec<T>::load(scores + n) - Vec<T>(shift));
    e.store(scores + n);
    total += e;
  }
  if (before == -infinity<T>) {
    sum = horizontal_sum(total);
    return T(1);  // of zeros
  }
  const T factor = before == maximum ? T(1) : std::exp(before - shift);
  sum = sum * factor + horizontal_sum(total);
  return factor;
}

template <class T>
void scale_row(T* row, int64_t count, T factor) noexcept {
  for_vectors<T>(0, count,
                 [=](int64_t n, int lanes) { (Vec<T>::load(row + n, lanes) * Vec<T>(factor)).store(row + n, lanes); });
}

}  // namespace

template <class T>
size_t attention_forward_scratch_bytes(const AttentionSizes& s) noexcept {
  Carver carver(nullptr);
  const ForwardPlace<T> place(s, carver);
  return carver.used() * static_cast<size_t>(std::min(s.batch * s.heads * query_runs(s), most_slots));
}

template <class T>
void attention_forward(const AttentionSizes& s, HeadRows<const T> query, HeadRows<const T> key, HeadRows<const T> value,
                       const AttentionMask<T>& mask, double scale, const AttentionDropout& dropout, HeadRows<T> output,
                       T* log_sum, void* scratch) noexcept {
  const int64_t runs = query_runs(s), units = s.batch * s.heads * runs, length = row_length<T>(s.keys);
  Carver sizer(nullptr);
  const ForwardPlace<T> measured(s, sizer);
  for_units(units, work_of(s), sizer.used(), scratch, [&](int64_t unit, Carver& carver) {
    const ForwardPlace<T> place(s, carver);
    const int64_t run = unit % runs, h = unit / runs % s.heads, b = unit / runs / s.heads;
    const int64_t begin = s.queries * run / runs, end = s.queries * (run + 1) / runs;
    const Strips strips = strips_for(end - begin, panel_vectors);
    const T* const q = query.head(b, h);
    T* const out = output.head(b, h);
    T* const row_log_sum = log_sum + (b * s.heads + h) * s.queries;
    std::fill(place.maximum, place.maximum + (end - begin), -infinity<T>);
    std::fill(place.sum, place.sum + (end - begin), T(0));
    const int64_t keys = mask.causal ? std::min(s.keys, end) : s.keys;
    for (int64_t j = 0; j < keys; j += key_block) {
      const int64_t block = std::min(key_block, keys - j);
      const T* const k = key.head(b, h / s.group) + j * key.row_step;
      const T* const v = value.head(b, h / s.group) + j * value.row_step;
      const Factor<T> columns = packed<T>({k, 1, key.row_step}, s.width, block, place.keys);
      const Factor<T> rows = strips.strips > strips_in_place
                                 ? packed<T>({v, value.row_step, 1}, block, s.value_width, place.values)
                                 : in_place(v, value.row_step, s.value_width);
      for (int64_t strip = 0; strip < strips.strips; ++strip) {
        const int64_t first = begin + strips.begin(strip), last = begin + strips.begin(strip + 1);
        const int64_t reach = mask.causal ? std::min(block, last - j) : block;
        if (reach <= 0) continue;
        const int count = static_cast<int>(last - first);
        multiply(count, s.width, q + first * query.row_step, query.row_step, 1, columns, reach, static_cast<T>(scale),
                 false, place.scores, length);
        for (int64_t i = first; i < last; ++i) {
          T* const scores = place.scores + (i - first) * length;
          const int64_t own = mask.causal ? std::clamp<int64_t>(i + 1 - j, 0, reach) : reach;
          const Row<T> row{s, mask, dropout, b, h, i, j};
          row.add_mask(scores, own);
          if (own > 0) {
            const T factor = running_softmax(scores, own, place.maximum[i - begin], place.sum[i - begin]);
            if (factor != T(1)) scale_row(out + i * output.row_step, s.value_width, factor);
            row.drop(scores, own);
          }
          clear_vectors(scores, whole_vectors<T>(own), reach);
        }
        multiply(count, reach, place.scores, length, 1, rows, s.value_width, T(1), j > 0, out + first * output.row_step,
                 output.row_step);
      }
    }
    for_vectors<T>(0, end - begin, [&](int64_t i, int count) {
      const Vec<T> sum = Vec<T>::load(place.sum + i, count), total = Vec<T>::load(place.maximum + i, count) + log(sum);
      select(sum == Vec<T>(T(0)), Vec<T>(infinity<T>), total).store(row_log_sum + begin + i, count);
    });
    for (int64_t i = begin; i < end; ++i) {
      const T sum = place.sum[i - begin];
      T* const row = out + i * output.row_step;
      if (sum == T(0))
        std::fill(row, row + s.value_width, T(0));
      else
        scale_row(row, s.value_width, 1 / sum);
    }
  });
}

namespace {

/// Blocks of keys are shared out where there are too few heads to; each task but the first then sums its own dQ.
int64_t key_parts(const AttentionSizes& s) noexcept {
  const int64_t wanted = ceil_div(enough_tasks, std::max<int64_t>(1, s.batch * s.heads / s.group));
  return std::clamp<int64_t>(ceil_div(s.keys, key_block), 1, wanted);
}

template <class T>
struct BackwardPlace {
  T *key_columns, *value_columns, *key_rows, *weights, *slopes, *dots;

  BackwardPlace(const AttentionSizes& s, Carver& carver) {
    const int64_t block = std::min(s.keys, key_block),
                  square = std::min(s.queries, query_block) * row_length<T>(s.keys);
    key_columns = take_packed<T>(s.width, block, carver);
    value_columns = take_packed<T>(s.value_width, block, carver);
    key_rows = take_packed<T>(block, s.width, carver);
    weights = carver.take<T>(square);
    slopes = carver.take<T>(square);
    dots = carver.take<T>(s.group * s.queries);
  }
};

/// scores S and slopes dO V^T of one query become the weights keep P and dS.
template <class T>
void row_gradient(const Row<T>& row, T* scores, T* slopes, int64_t count, T log_sum, T dot) noexcept {
  constexpr int lanes = Vec<T>::lanes;
  row.add_mask(scores, count);
  row.drop(slopes, count);
  const Vec<T> shift(log_sum), d(dot), zero(T(0));
  for (int64_t n = 0; n < count; n += lanes) {
    const Vec<T> weight = exp(Vec<T>::load(scores + n) - shift);
    // Where no weight is, what lies in the slope does not matter, not even a NaN.
    zero_where(weight == zero, weight * (Vec<T>::load(slopes + n) - d)).store(slopes + n);
    weight.store(scores + n);
  }
  row.drop(scores, count);
}

template <class T>
T dot_of(const T* a, const T* b, int64_t count) noexcept {
  Vec<T> sum(T(0));
  for_vectors<T>(0, count,
                 [&](int64_t n, int lanes) { sum = fma(Vec<T>::load(a + n, lanes), Vec<T>::load(b + n, lanes), sum); });
  return horizontal_sum(sum);
}

template <class T>
void clear_rows(T* rows, int64_t row_step, int64_t count, int64_t width) noexcept {
  for (int64_t i = 0; i < count; ++i) std::fill(rows + i * row_step, rows + i * row_step + width, T(0));
}

}  // namespace

template <class T>
size_t attention_backward_scratch_bytes(const AttentionSizes& s) noexcept {
  Carver place(nullptr), whole(nullptr);
  const BackwardPlace<T> measured(s, place);
  const int64_t parts = key_parts(s), units = s.batch * (s.heads / s.group) * parts;
  whole.take<T>((parts - 1) * s.batch * s.heads * s.queries * s.width);
  return whole.used() + place.used() * static_cast<size_t>(std::min(units, most_slots));
}

template <class T>
void attention_backward(const AttentionSizes& s, HeadRows<const T> grad_output, HeadRows<const T> query,
                        HeadRows<const T> key, HeadRows<const T> value, HeadRows<const T> output, const T* log_sum,
                        const AttentionMask<T>& mask, double scale, const AttentionDropout& dropout,
                        HeadRows<T> grad_query, HeadRows<T> grad_key, HeadRows<T> grad_value, void* scratch) noexcept {
  const int64_t parts = key_parts(s), key_heads = s.heads / s.group, units = s.batch * key_heads * parts;
  const int64_t length = row_length<T>(s.keys), blocks = ceil_div(s.keys, key_block);
  const T alpha = static_cast<T>(scale);
  Carver whole(scratch), sizer(nullptr);
  // dQ of the parts after the first: [part][batch][head][query][width].
  T* const partial = whole.take<T>((parts - 1) * s.batch * s.heads * s.queries * s.width);
  const HeadRows<T> layout{nullptr, s.heads * s.queries * s.width, s.queries * s.width, s.width};
  const BackwardPlace<T> measured(s, sizer);
  char* const places = static_cast<char*>(scratch) + whole.used();
  for_units(units, 2.5 * work_of(s), sizer.used(), places, [&](int64_t unit, Carver& carver) {
    const BackwardPlace<T> place(s, carver);
    const int64_t part = unit % parts, key_head = unit / parts % key_heads, b = unit / parts / key_heads;
    HeadRows<T> queries = grad_query;
    if (part > 0 && grad_query.data) {
      queries = layout;
      queries.data = partial + (part - 1) * s.batch * layout.batch_step;
    }
    for (int64_t g = 0; g < s.group; ++g) {
      const int64_t h = key_head * s.group + g;
      const T *const o = output.head(b, h), *const d_o = grad_output.head(b, h);
      for (int64_t i = 0; i < s.queries; ++i)
        place.dots[g * s.queries + i] = dot_of(o + i * output.row_step, d_o + i * grad_output.row_step, s.value_width);
      if (queries.data) {
        const int64_t unseen = part == 0 && s.keys > 0 ? 0 : mask.causal ? std::min(s.queries, part * key_block) : 0;
        clear_rows(queries.head(b, h), queries.row_step, s.keys > 0 ? unseen : s.queries, s.width);
      }
    }
    for (int64_t index = part; index < blocks; index += parts) {
      const int64_t j = index * key_block, block = std::min(key_block, s.keys - j);
      const T* const k = key.head(b, key_head) + j * key.row_step;
      const T* const v = value.head(b, key_head) + j * value.row_step;
      const Factor<T> key_columns = packed<T>({k, 1, key.row_step}, s.width, block, place.key_columns);
      const Factor<T> value_columns = packed<T>({v, 1, value.row_step}, s.value_width, block, place.value_columns);
      const Factor<T> key_rows = packed<T>({k, key.row_step, 1}, block, s.width, place.key_rows);
      const Strips key_strips = strips_for(block, panel_vectors);
      bool started[key_block] = {};
      for (int64_t g = 0; g < s.group; ++g) {
        const int64_t h = key_head * s.group + g;
        const T *const q = query.head(b, h), *const d_o = grad_output.head(b, h);
        const T* const sums = log_sum + (b * s.heads + h) * s.queries;
        for (int64_t begin = mask.causal ? j : 0; begin < s.queries; begin += query_block) {
          const int64_t end = std::min(begin + query_block, s.queries);
          const Strips strips = strips_for(end - begin, panel_vectors);
          for (int64_t strip = 0; strip < strips.strips; ++strip) {
            const int64_t first = begin + strips.begin(strip), last = begin + strips.begin(strip + 1);
            const int64_t reach = mask.causal ? std::min(block, last - j) : block;
            const int count = static_cast<int>(last - first);
            T *const weights = place.weights + (first - begin) * length, *const slopes =
                                                                             place.slopes + (first - begin) * length;
            multiply(count, s.width, q + first * query.row_step, query.row_step, 1, key_columns, reach, alpha, false,
                     weights, length);
            multiply(count, s.value_width, d_o + first * grad_output.row_step, grad_output.row_step, 1, value_columns,
                     reach, T(1), false, slopes, length);
            for (int64_t i = first; i < last; ++i) {
              T *const w = weights + (i - first) * length, *const d = slopes + (i - first) * length;
              const int64_t own = mask.causal ? std::min(reach, i + 1 - j) : reach;
              row_gradient(Row<T>{s, mask, dropout, b, h, i, j}, w, d, own, sums[i], place.dots[g * s.queries + i]);
              clear_vectors(w, whole_vectors<T>(own), block);
              clear_vectors(d, whole_vectors<T>(own), block);
            }
            if (queries.data)
              multiply(count, reach, slopes, length, 1, key_rows, s.width, alpha, index > part,
                       queries.head(b, h) + first * queries.row_step, queries.row_step);
          }
          const Factor<T> query_rows = in_place(q, query.row_step, s.width);
          const Factor<T> output_rows = in_place(d_o, grad_output.row_step, s.value_width);
          for (int64_t strip = 0; strip < key_strips.strips; ++strip) {
            const int64_t m = key_strips.begin(strip), first = mask.causal ? std::max(begin, j + m) : begin;
            if (first >= end) continue;
            const int count = static_cast<int>(key_strips.begin(strip + 1) - m);
            const auto add = [&](const T* a, Factor<T> rows, T factor, const HeadRows<T>& grad, int64_t width) {
              if (!grad.data) return;
              rows.data += first * rows.row_step;
              multiply(count, end - first, a + (first - begin) * length + m, 1, length, rows, width, factor,
                       started[strip], grad.head(b, key_head) + (j + m) * grad.row_step, grad.row_step);
            };
            add(place.weights, output_rows, T(1), grad_value, s.value_width);
            add(place.slopes, query_rows, alpha, grad_key, s.width);
            started[strip] = true;
          }
        }
      }
      for (int64_t strip = 0; strip < key_strips.strips; ++strip) {
        if (started[strip]) continue;
        const int64_t first = j + key_strips.begin(strip), count = j + key_strips.begin(strip + 1) - first;
        const auto clear = [&](const HeadRows<T>& grad, int64_t width) {
          if (grad.data) clear_rows(grad.head(b, key_head) + first * grad.row_step, grad.row_step, count, width);
        };
        clear(grad_key, s.width);
        clear(grad_value, s.value_width);
      }
    }
  });
  if (parts == 1 || !grad_query.data) return;
  const double additions = static_cast<double>((parts - 1) * s.batch * layout.batch_step);
  parallel_for(s.batch * s.heads * ceil_div(s.queries, query_block), additions, [&](int64_t task) {
    const int64_t begin = task % ceil_div(s.queries, query_block) * query_block;
    const int64_t head = task / ceil_div(s.queries, query_block), b = head / s.heads, h = head % s.heads;
    for (int64_t i = begin; i < std::min(begin + query_block, s.queries); ++i) {
      T* const sum = grad_query.head(b, h) + i * grad_query.row_step;
      for (int64_t part = 0; part < parts - 1; ++part) {
        const T* const own = partial + ((part * s.batch * s.heads + head) * s.queries + i) * s.width;
        for (int64_t e = 0; e < s.width; ++e) sum[e] += own[e];
      }
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                          \
  template size_t attention_forward_scratch_bytes<T>(const AttentionSizes&) noexcept;                                  \
  template void attention_forward<T>(const AttentionSizes&, HeadRows<const T>, HeadRows<const T>, HeadRows<const T>,   \
                                     const AttentionMask<T>&, double, const AttentionDropout&, HeadRows<T>, T*,        \
                                     void*) noexcept;                                                                  \
  template size_t attention_backward_scratch_bytes<T>(const AttentionSizes&) noexcept;                                 \
  template void attention_backward<T>(const AttentionSizes&, HeadRows<const T>, HeadRows<const T>, HeadRows<const T>,  \
                                      HeadRows<const T>, HeadRows<const T>, const T*, const AttentionMask<T>&, double, \
                                      const AttentionDropout&, HeadRows<T>, HeadRows<T>, HeadRows<T>, void*) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
