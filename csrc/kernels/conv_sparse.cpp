#include "conv_sparse.h"

#include <array>
#include <utility>

#include "core/parallel.h"

namespace cygnet {
namespace {

constexpr int64_t most_tasks = 16;
constexpr double task_work = 1 << 16;
// Bytes of what is read again and again, which stay in the first-level cache.
constexpr int64_t block_bytes = 32 << 10;
// Positions of a word of bits, and of a sum of them that every floating-point number holds exactly.
constexpr int64_t word_bits = 64, sum_bits = 16;
// Bytes of an image's part of both operands, of all tasks' sums of the weight, and of an image's parts: with more of
// them this is not the faster way.
constexpr int64_t most_image_bytes = 384 << 10, most_copies_bytes = 4 << 20, most_parts_bytes = 64 << 10;
// Elements of grad_output below which it is not worth looking at any, and those that are looked at.
constexpr int64_t least_elements = 4096;
constexpr int64_t samples = 64, sample_run = 16;

// Vectors of a filter that are worked off at a time: some vectors of some lines, in registers.
constexpr int most_lines = 6, most_vectors = 4, most_registers = 12;

// The filter of one channel and the images that it meets. Image is const T where they are gathered from, T where
// they are scattered to.
template <class Image>
struct Meeting {
  using T = std::remove_const_t<Image>;
  int64_t images;
  const uint64_t* words;  // bits of the positions where grad is not zero
  int64_t count;          // of words of an image
  const T* grad;
  int64_t grad_image, grad_step;  // from one image, or position, to the next
  Image* image;
  int64_t image_step, image_line;  // from one image, or line, to the next
  const int64_t* place;            // of each position in an image
  T* filter;
  int64_t filter_line;
};

template <class Image, class Body>
inline __attribute__((always_inline)) void for_nonzeros(const Meeting<Image>& m, const Body& body) noexcept {
  using T = std::remove_const_t<Image>;
  const uint64_t* words = m.words;
  for (int64_t n = 0; n < m.images; ++n) {
    const T* grad = m.grad + n * m.grad_image;
    Image* const image = m.image + n * m.image_step;
    const int64_t *place = m.place, *const end = place + m.count * word_bits;
    for (; place != end; place += word_bits, grad += word_bits * m.grad_step)
      for (uint64_t bits = *words++; bits != 0; bits &= bits - 1) {
        const int i = __builtin_ctzll(bits);
        body(Vec<T>(grad[i * m.grad_step]), image + place[i]);
      }
  }
}

// filter += sum of grad times what it meets.
template <class T, int Lines, int Vectors>
void gather(const Meeting<const T>& m) noexcept {
  using V = Vec<T>;
  const int64_t line = m.image_line;
  V sum[Lines][Vectors];
#pragma GCC unroll 6
  for (int l = 0; l < Lines; ++l)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[l][v] = V::load(m.filter + l * m.filter_line + v * V::lanes);
  for_nonzeros(m, [&](V factor, const T* from) __attribute__((always_inline)) {
#pragma GCC unroll 6
    for (int l = 0; l < Lines; ++l, from += line)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[l][v] = fma(factor, V::load(from + v * V::lanes), sum[l][v]);
  });
#pragma GCC unroll 6
  for (int l = 0; l < Lines; ++l)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[l][v].store(m.filter + l * m.filter_line + v * V::lanes);
}

// What it meets += grad times filter.
template <class T, int Lines, int Vectors>
void scatter(const Meeting<T>& m) noexcept {
  using V = Vec<T>;
  const int64_t line = m.image_line;
  V tap[Lines][Vectors];
#pragma GCC unroll 6
  for (int l = 0; l < Lines; ++l)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) tap[l][v] = V::load(m.filter + l * m.filter_line + v * V::lanes);
  for_nonzeros(m, [&](V factor, T* to) __attribute__((always_inline)) {
#pragma GCC unroll 6
    for (int l = 0; l < Lines; ++l, to += line)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) fma(factor, tap[l][v], V::load(to + v * V::lanes)).store(to + v * V::lanes);
  });
}

constexpr int lines_for(int vectors) { return std::min(most_lines, most_registers / vectors); }

// A piece of a filter: where it begins in an image and in the filter.
template <class Image>
struct Piece {
  void (*work_off)(const Meeting<Image>&) noexcept;
  int64_t image, filter;
};

template <class Image, int Lines, int Vectors>
constexpr auto function_of() noexcept {
  using T = std::remove_const_t<Image>;
  if constexpr (std::is_const_v<Image>)
    return &gather<T, std::min(Lines, lines_for(Vectors)), Vectors>;
  else
    return &scatter<T, std::min(Lines, lines_for(Vectors)), Vectors>;
}

template <class Image, int... Index>
auto function_for(int64_t lines, int64_t vectors, std::integer_sequence<int, Index...>) noexcept {
  static constexpr std::array<void (*)(const Meeting<Image>&) noexcept, sizeof...(Index)> functions{
      function_of<Image, Index % most_lines + 1, Index / most_lines + 1>()...};
  return functions[static_cast<size_t>((vectors - 1) * most_lines + lines - 1)];
}

// Cuts a filter into pieces. Planes and lines that its taps meet are so far apart in an image.
template <class Image>
int64_t cut_filter(const SparseConv& plan, int64_t image_plane, int64_t image_line, Piece<Image>* pieces) noexcept {
  constexpr int64_t lanes = Vec<std::remove_const_t<Image>>::lanes;
  const int64_t width = plan.width, kernel = plan.lines;
  int64_t count = 0;
  const Strips across = {width / lanes, ceil_div(width / lanes, most_vectors)};
  for (int64_t n = 0; n < across.strips; ++n) {
    const int64_t v = across.begin(n), vectors = across.begin(n + 1) - v;
    const Strips down = {kernel, ceil_div(kernel, lines_for(static_cast<int>(vectors)))};
    for (int64_t z = 0; z < plan.planes; ++z)
      for (int64_t m = 0; m < down.strips; ++m, ++count) {
        const int64_t y = down.begin(m);
        if (pieces)
          pieces[count] = {function_for<Image>(down.begin(m + 1) - y, vectors,
                                               std::make_integer_sequence<int, most_lines * most_vectors>{}),
                           z * image_plane + y * image_line + v * lanes, (z * kernel + y) * width + v * lanes};
      }
  }
  return count;
}

template <class Image>
void work_off(const Piece<Image>* pieces, int64_t count, Meeting<Image> m) noexcept {
  Image* const image = m.image;
  auto* const filter = m.filter;
  for (int64_t i = 0; i < count; ++i) {
    m.image = image + pieces[i].image;
    m.filter = filter + pieces[i].filter;
    pieces[i].work_off(m);
  }
}

// words[channel][w] = the positions where grad is not zero; sums, which may be null, += what is in each channel.
template <class T>
void find_nonzeros(const T* grad, int64_t positions, int64_t channels, int64_t words, int64_t word_step,
                   uint64_t* found, T* sums) noexcept {
  using V = Vec<T>;
  for (int64_t c = 0; c < channels; c += V::lanes) {
    const int valid = static_cast<int>(std::min<int64_t>(V::lanes, channels - c));
    for (int64_t w = 0; w < words; ++w) {
      uint64_t word[V::lanes] = {};
      V sum[2] = {V(T(0)), V(T(0))};
      const int64_t end = std::min(positions, (w + 1) * word_bits);
      for (int64_t first = w * word_bits; first < end; first += sum_bits) {
        const T* from = grad + first * channels + c;
        V bits(T(0));
        const auto add = [&](int64_t i) __attribute__((always_inline)) {
          const V value = V::load(from + i * channels, valid);
          bits += zero_where(value == V(T(0)), V(static_cast<T>(1 << i)));
          sum[i % 2] += value;
        };
        if (first + sum_bits <= end)
#pragma GCC unroll 16
          for (int64_t i = 0; i < sum_bits; ++i) add(i);
        else
          for (int64_t i = 0; i < end - first; ++i) add(i);
        alignas(64) T numbers[V::lanes];
        bits.store(numbers);
        for (int i = 0; i < V::lanes; ++i)
          word[i] |= static_cast<uint64_t>(static_cast<int32_t>(numbers[i])) << (first % word_bits);
      }
      for (int i = 0; i < valid; ++i) found[(c + i) * word_step + w] = word[i];
      if (sums) (V::load(sums + c, valid) + (sum[0] + sum[1])).store(sums + c, valid);
    }
  }
}

// Every position, so that what is not finite meets what is zero.
void take_all(int64_t positions, int64_t channels, int64_t words, int64_t word_step, uint64_t* found) noexcept {
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t w = 0; w < words; ++w) {
      const int64_t rest = positions - w * word_bits;
      found[c * word_step + w] = rest >= word_bits ? ~uint64_t{0} : (uint64_t{1} << rest) - 1;
    }
}

template <class T>
bool is_finite(const T* values, int64_t count) noexcept {
  using V = Vec<T>;
  V zero(T(0));
  int64_t i = 0;
  for (; i + V::lanes <= count; i += V::lanes) zero = fma(V::load(values + i), V(T(0)), zero);
  zero = fma(V::load(values + i, static_cast<int>(count - i)), V(T(0)), zero);
  return horizontal_sum(zero) == T(0);
}

bool fits(const ConvShape& s) noexcept {
  return s.groups == 1 && s.axes[2].dilation == 1 && s.in_channels > 0 &&
         s.batch * s.out_channels * s.out_pixels() >= least_elements;
}

template <class T>
SparseConv plan_sparse(const ConvShape& s, int64_t image_size) noexcept {
  constexpr int64_t lanes = Vec<T>::lanes;
  SparseConv plan{};
  plan.planes = s.axes[0].kernel;
  plan.lines = s.axes[1].kernel;
  plan.width = ceil_div(s.axes[2].kernel * s.in_channels, lanes) * lanes;
  plan.side = std::max<int64_t>(1, lanes / s.out_channels);
  while (s.out_pixels() % plan.side != 0) --plan.side;
  plan.words = ceil_div(s.out_pixels() / plan.side, word_bits);
  plan.pieces = cut_filter<T>(plan, 0, 0, nullptr);
  plan.multiplications =
      static_cast<double>(s.batch * s.out_pixels()) * static_cast<double>(s.out_channels * plan.filter());
  const auto most = static_cast<int64_t>(std::min(plan.multiplications / task_work, 1e6)) + 1;
  plan.tasks = std::min({s.batch, most, most_tasks});
  const int64_t bytes = (image_size + s.out_pixels() * s.out_channels) * static_cast<int64_t>(sizeof(T));
  plan.block = std::clamp<int64_t>(block_bytes / bytes, 1, ceil_div(s.batch, plan.tasks));
  return plan;
}

// Stores where output positions are in an image, in the order of their bits: of each of those that lie side by side in
// a vector, all that have its place there. place(z, y, x) is that of a position.
template <class Place>
void store_places(const ConvShape& s, const SparseConv& plan, const Place& place, int64_t* to) noexcept {
  int64_t position = 0;
  for (int64_t z = 0; z < s.axes[0].out; ++z)
    for (int64_t y = 0; y < s.axes[1].out; ++y)
      for (int64_t x = 0; x < s.axes[2].out; ++x, ++position)
        to[position % plan.side * plan.words * word_bits + position / plan.side] = place(z, y, x);
}

// Whether the work is below `most`, in cycles: `each` for an element of grad_output that is not zero, 0.9 for any, and
// `more`. How many are not zero is taken from a sample.
template <class T>
bool is_less_work(const ConvShape& s, const T* grad, double each, double more, double most) noexcept {
  const int64_t count = s.batch * s.out_pixels() * s.out_channels;
  const double share = (most - more - 0.9 * static_cast<double>(count)) / (each * static_cast<double>(count));
  if (share <= 0) return false;
  const int64_t run = std::min(count, sample_run), runs = std::min(samples, count / run);
  int64_t nonzeros = 0;
  for (int64_t i = 0; i < runs; ++i) {
    const T* const from = grad + (count - run) * i / runs;
    for (int64_t k = 0; k < run; ++k) nonzeros += from[k] != T(0);
  }
  return static_cast<double>(nonzeros) < share * static_cast<double>(runs * run);
}

// The part of the input that all output positions of an image read, with its padding. Lines of a filter that fill less
// than half of a vector share vectors: then the part is cut into bands, each as wide as such a share of a vector, so
// that lines of a band follow each other closely.
struct WeightLayout {
  Box part;
  int64_t pitch[max_axes + 1];        // from an image, plane, line or pixel of the part to the next
  int64_t band, bands;                // output positions of a line in a band; 0 where there are no bands
  int64_t line;                       // from a line to the next in a band
  int64_t image_size;                 // of all bands, or of the part
  int64_t filter_plane, filter_line;  // from a plane or line of a filter's sums to the next

  int64_t lines() const { return part.size[0] * part.size[1]; }
};

template <class T>
WeightLayout weight_layout(const ConvShape& s, SparseConv& plan) noexcept {
  WeightLayout layout{};
  layout.pitch[max_axes] = s.in_channels;
  for (int i = max_axes - 1; i >= 0; --i) {
    layout.part.begin[i] = -s.axes[i].padding;
    layout.part.size[i] = s.axes[i].reach(s.axes[i].out);
    layout.pitch[i] = layout.pitch[i + 1] * layout.part.size[i];
  }
  plan = plan_sparse<T>(s, layout.pitch[0]);
  layout.image_size = layout.pitch[0];
  layout.line = layout.pitch[2];
  layout.filter_line = plan.width;
  const int64_t used = s.axes[2].kernel * s.in_channels;
  int64_t share = Vec<T>::lanes;
  while (share / 2 >= used) share /= 2;
  if (share < Vec<T>::lanes && s.axes[1].kernel > 1 && s.axes[1].dilation == 1) {
    layout.band = (share - used) / (s.axes[2].stride * s.in_channels) + 1;
    layout.bands = ceil_div(s.axes[2].out, layout.band);
    layout.line = layout.filter_line = share;
    layout.image_size = layout.bands * layout.lines() * share;
    plan.lines = 1;
    plan.width = ceil_div(s.axes[1].kernel * share, Vec<T>::lanes) * Vec<T>::lanes;
    plan.pieces = cut_filter<T>(plan, 0, 0, nullptr);
  }
  layout.filter_plane = plan.lines * plan.width;
  return layout;
}

template <class T>
struct WeightWorkspace {
  Piece<const T>* pieces;
  int64_t* place;
  uint64_t* words;
  int64_t slab_size, bands_size;
  T *copies, *bias, *slabs, *bands;

  WeightWorkspace(const ConvShape& s, const SparseConv& plan, const WeightLayout& layout, Carver& carver)
      : pieces(carver.take<Piece<const T>>(plan.pieces)),
        place(carver.take<int64_t>(plan.side * plan.words * word_bits)),
        words(carver.take<uint64_t>(plan.tasks * plan.side * s.out_channels * plan.block * plan.words)),
        slab_size(ceil_div(plan.block * layout.pitch[0] + plan.width + slab_slack, 16) * 16),
        bands_size(layout.bands ? ceil_div(plan.block * layout.image_size + plan.width + slab_slack, 16) * 16 : 0),
        copies(carver.take<T>(plan.tasks * s.out_channels * plan.filter())),
        bias(carver.take<T>(plan.tasks * plan.side * s.out_channels)),
        slabs(carver.take<T>(plan.tasks * slab_size)),
        bands(carver.take<T>(plan.tasks * bands_size)) {}
};

// Cuts the part of an image into bands; what lies behind them is overwritten.
template <class T>
void cut_bands(const ConvShape& s, const WeightLayout& layout, const T* part, T* to) noexcept {
  const int64_t step = layout.line, pitch = layout.pitch[2], size = layout.lines() * pitch;
  for (int64_t band = 0; band < layout.bands; ++band, part += layout.band * s.axes[2].stride * s.in_channels)
    for (int64_t line = 0; line < size; line += pitch, to += step) Vec<T>::load(part + line).store(to);
}

template <class T>
bool weight_fits(const ConvShape& s, const SparseConv& plan, const WeightLayout& layout) noexcept {
  constexpr auto item = static_cast<int64_t>(sizeof(T));
  return (layout.pitch[0] + s.out_pixels() * s.out_channels) * item <= most_image_bytes &&
         plan.tasks * s.out_channels * plan.filter() * item <= most_copies_bytes;
}

}  // namespace

template <class T>
bool is_sparse_for_weight(const ConvShape& s, const T* grad_output, double multiplications) noexcept {
  if (!fits(s)) return false;
  SparseConv plan;
  const WeightLayout layout = weight_layout<T>(s, plan);
  if (!weight_fits<T>(s, plan, layout)) return false;
  const auto vectors = static_cast<double>(plan.filter() / Vec<T>::lanes);
  return is_less_work(s, grad_output, 1.1 * vectors + 1.5, 0, 0.75 * multiplications / Vec<T>::lanes);
}

template <class T>
size_t backward_weight_sparse_scratch_bytes(const ConvShape& s) noexcept {
  if (!fits(s)) return 0;
  SparseConv plan;
  const WeightLayout layout = weight_layout<T>(s, plan);
  if (!weight_fits<T>(s, plan, layout)) return 0;
  Carver carver(nullptr);
  const WeightWorkspace<T> workspace(s, plan, layout, carver);
  return carver.used();
}

template <class T>
void backward_weight_sparse(const ConvShape& s, const T* grad_output, const T* input, bool channels_last,
                            T* grad_weight, T* grad_bias, void* scratch) noexcept {
  using V = Vec<T>;
  SparseConv plan;
  const WeightLayout layout = weight_layout<T>(s, plan);
  Carver carver(scratch);
  const WeightWorkspace<T> workspace(s, plan, layout, carver);
  const ConvAxis &d = s.axes[0], &h = s.axes[1], &w = s.axes[2];
  const int64_t channels = s.in_channels, outputs = s.out_channels, pixels = s.out_pixels();
  const int64_t columns = plan.side * outputs, rows = pixels / plan.side;  // of an image's grad_output
  const int64_t copy = outputs * plan.filter(), plane = layout.part.size[1] * layout.line;
  const int64_t band = layout.bands ? layout.band : w.out;
  const auto place_of = [&](int64_t z, int64_t y, int64_t x) {
    return x / band * layout.lines() * layout.line + z * d.stride * plane + y * h.stride * layout.line +
           x % band * w.stride * channels;
  };
  store_places(s, plan, place_of, workspace.place);
  cut_filter<const T>(plan, d.dilation * plane, h.dilation * layout.line, workspace.pieces);
  bool in_place = channels_last || channels == 1;
  for (int i = 0; i < max_axes; ++i) in_place = in_place && !s.axes[i].padded() && layout.part.size[i] == s.axes[i].in;
  const Images<T> images{input, {s.axes[0].in, s.axes[1].in, s.axes[2].in}, channels, channels_last};
  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    T* const slab = workspace.slabs + task * workspace.slab_size;
    T* const bands = workspace.bands + task * workspace.bands_size;
    T* const sums = workspace.copies + task * copy;
    T* const bias = workspace.bias + task * columns;
    const int64_t word_step = plan.block * plan.words;
    uint64_t* const words = workspace.words + task * columns * word_step;
    std::fill_n(sums, copy, T(0));
    std::fill_n(bias, columns, T(0));
    std::fill_n(slab, workspace.slab_size, T(0));
    const int64_t end = s.batch * (task + 1) / plan.tasks;
    for (int64_t first = s.batch * task / plan.tasks; first < end; first += plan.block) {
      const int64_t last = std::min(end, first + plan.block);
      // Vectors may reach behind an image, but not behind the last.
      const bool read_in_place = in_place && (s.batch - last) * layout.pitch[0] >= plan.width + V::lanes;
      if (!read_in_place) fill_slab(images, first, last, layout.part, {0, channels, channels, 0}, slab);
      const T* const source = read_in_place ? input + first * layout.pitch[0] : slab;
      for (int64_t n = 0; layout.bands && n < last - first; ++n)
        cut_bands(s, layout, source + n * layout.pitch[0], bands + n * layout.image_size);
      const bool finite = is_finite(source, (last - first) * layout.pitch[0]);
      for (int64_t n = first; n < last; ++n) {
        uint64_t* const found = words + (n - first) * plan.words;
        find_nonzeros(grad_output + n * pixels * outputs, rows, columns, plan.words, word_step, found,
                      grad_bias ? bias : nullptr);
        if (!finite) take_all(rows, columns, plan.words, word_step, found);
      }
      for (int64_t i = 0; i < columns; ++i)
        work_off(
            workspace.pieces, plan.pieces,
            {last - first, words + i * word_step, plan.words, grad_output + first * pixels * outputs + i,
             pixels * outputs, columns, layout.bands ? bands : source, layout.image_size, h.dilation * layout.line,
             workspace.place + i / outputs * plan.words * word_bits, sums + i % outputs * plan.filter(), plan.width});
    }
  });
  parallel_for(outputs, static_cast<double>(plan.tasks * copy), [&](int64_t o) {
    T* const total = workspace.copies + o * plan.filter();
    for (int64_t i = 0; i < plan.filter(); i += V::lanes) {
      V sum = V::load(total + i);
      for (int64_t task = 1; task < plan.tasks; ++task) sum += V::load(total + task * copy + i);
      sum.store(total + i);
    }
    T* to = grad_weight + o * channels * s.taps();
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t z = 0; z < d.kernel; ++z)
        for (int64_t y = 0; y < h.kernel; ++y)
          for (int64_t x = 0; x < w.kernel; ++x)
            *to++ = total[z * layout.filter_plane + y * layout.filter_line + x * channels + c];
    if (!grad_bias) return;
    T sum(0);
    for (int64_t i = o; i < plan.tasks * columns; i += outputs) sum += workspace.bias[i];
    grad_bias[o] = sum;
  });
}

namespace {

// The parts that meet at a position of a line of the input: offset of the first, and how many.
struct Meet {
  int64_t first, count;
};

// Each line of the input has, for each output position of a line, the sums that its taps pass to that line.
template <class T>
struct InputWorkspace {
  Piece<T>* pieces;
  int64_t* place;
  uint64_t* words;
  Meet* meets;
  int64_t line_size, plane_size, parts_size;
  T *filters, *parts;

  InputWorkspace(const ConvShape& s, const SparseConv& plan, Carver& carver)
      : pieces(carver.take<Piece<T>>(plan.pieces)),
        place(carver.take<int64_t>(plan.side * plan.words * word_bits)),
        words(carver.take<uint64_t>(plan.tasks * plan.side * s.out_channels * plan.words)),
        meets(carver.take<Meet>(s.axes[2].in)),
        line_size(s.axes[2].out * plan.width),
        plane_size(lines_of(s.axes[1]) * line_size),
        parts_size(ceil_div(lines_of(s.axes[0]) * plane_size + slab_slack, 16) * 16),
        filters(carver.take<T>(s.out_channels * plan.filter())),
        parts(carver.take<T>(plan.tasks * parts_size)) {}

  // Those of the input, and what the outputs reach behind it.
  static int64_t lines_of(const ConvAxis& axis) { return std::max(axis.padding + axis.in, axis.reach(axis.out)); }
};

// target[x, :] = f(bias + the sum of the parts that meet at x), for the channels of a line.
template <class T>
void sum_parts(const T* parts, const Meet* meets, int64_t size, int64_t step, int64_t channels, const T* bias,
               Activation activation, T* target) noexcept {
  using V = Vec<T>;
  for (int64_t c = 0; c < channels; c += V::lanes) {
    const int valid = static_cast<int>(std::min<int64_t>(V::lanes, channels - c));
    const V first(bias ? V::load(bias + c, valid) : V(T(0)));
    T* to = target + c;
    for (const Meet* meet = meets; meet != meets + size; ++meet, to += channels) {
      V sum = first;
      const T* part = parts + meet->first + c;
      for (int64_t k = 0; k < meet->count; ++k, part += step) sum += V::load(part);
      if (activation != Activation::None) sum = activate(activation, sum);
      sum.store(to, valid);
    }
  }
}

template <class T>
bool input_fits(const InputWorkspace<T>& workspace) noexcept {
  return workspace.parts_size * static_cast<int64_t>(sizeof(T)) <= most_parts_bytes;
}

}  // namespace

template <class T>
bool is_sparse_for_input(const ConvShape& s, const T* grad_output, double multiplications) noexcept {
  if (!fits(s)) return false;
  const SparseConv plan = plan_sparse<T>(s, 0);
  Carver carver(nullptr);
  const InputWorkspace<T> workspace(s, plan, carver);
  if (!input_fits(workspace)) return false;
  constexpr int64_t lanes = Vec<T>::lanes;
  // The parts are cleared, and summed up.
  const int64_t sums = s.in_pixels() * s.axes[2].kernel * ceil_div(s.in_channels, lanes);
  const double more = static_cast<double>(s.batch) *
                      (1.5 * static_cast<double>(sums) + static_cast<double>(workspace.parts_size / lanes));
  return is_less_work(s, grad_output, 1.5 * static_cast<double>(plan.filter() / lanes) + 1, more,
                      0.6 * multiplications / lanes);
}

template <class T>
size_t backward_input_sparse_scratch_bytes(const ConvShape& s) noexcept {
  if (!fits(s)) return 0;
  Carver carver(nullptr);
  const InputWorkspace<T> workspace(s, plan_sparse<T>(s, 0), carver);
  return input_fits(workspace) ? carver.used() : 0;
}

template <class T>
void backward_input_sparse(const ConvShape& s, const T* grad_output, const T* weight, const T* bias,
                           Activation activation, T* grad_input, void* scratch) noexcept {
  const SparseConv plan = plan_sparse<T>(s, 0);
  Carver carver(scratch);
  const InputWorkspace<T> workspace(s, plan, carver);
  const ConvAxis &d = s.axes[0], &h = s.axes[1], &w = s.axes[2];
  const int64_t channels = s.in_channels, outputs = s.out_channels, pixels = s.out_pixels(), taps = s.taps();
  const int64_t columns = plan.side * outputs, rows = pixels / plan.side;  // of an image's grad_output
  const int64_t line = workspace.line_size, plane = workspace.plane_size;
  const auto place_of = [&](int64_t z, int64_t y, int64_t x) {
    return z * d.stride * plane + y * h.stride * line + x * plan.width;
  };
  store_places(s, plan, place_of, workspace.place);
  cut_filter<T>(plan, d.dilation * plane, h.dilation * line, workspace.pieces);
  for (int64_t x = 0; x < w.in; ++x) {
    const int64_t at = x + w.padding, behind = at - (w.out - 1) * w.stride;
    const int64_t first = behind > 0 ? behind : at % w.stride, last = std::min(at, w.kernel - 1);
    workspace.meets[x] = {(at - first) / w.stride * plan.width + first * channels,
                          std::max<int64_t>(0, last - first + w.stride) / w.stride};
  }
  T* to = workspace.filters;
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t l = 0; l < plan.planes * plan.lines; ++l, to += plan.width) {
      std::fill_n(to, plan.width, T(0));
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t k = 0; k < w.kernel; ++k)
          to[k * channels + c] = weight[(o * channels + c) * taps + l * w.kernel + k];
    }
  const bool finite = is_finite(weight, outputs * channels * taps);
  parallel_for(plan.tasks, plan.multiplications, [&](int64_t task) {
    T* const parts = workspace.parts + task * workspace.parts_size;
    uint64_t* const words = workspace.words + task * columns * plan.words;
    const int64_t end = s.batch * (task + 1) / plan.tasks;
    for (int64_t n = s.batch * task / plan.tasks; n < end; ++n) {
      const T* const grad = grad_output + n * pixels * outputs;
      find_nonzeros<T>(grad, rows, columns, plan.words, plan.words, words, nullptr);
      if (!finite) take_all(rows, columns, plan.words, plan.words, words);
      std::fill_n(parts, workspace.parts_size, T(0));
      for (int64_t i = 0; i < columns; ++i)
        work_off<T>(workspace.pieces, plan.pieces,
                    {1, words + i * plan.words, plan.words, grad + i, 0, columns, parts, 0, h.dilation * line,
                     workspace.place + i / outputs * plan.words * word_bits,
                     workspace.filters + i % outputs * plan.filter(), plan.width});
      T* target = grad_input + n * s.in_pixels() * channels;
      for (int64_t z = d.padding; z < d.in + d.padding; ++z)
        for (int64_t y = h.padding; y < h.in + h.padding; ++y, target += w.in * channels) {
          sum_parts(parts + z * plane + y * line, workspace.meets, w.in, w.stride * channels - plan.width, channels,
                    bias, activation, target);
        }
    }
  });
}

#define CYGNET_INSTANTIATE(T)                                                                                  \
  template bool is_sparse_for_weight<T>(const ConvShape&, const T*, double) noexcept;                          \
  template void backward_weight_sparse<T>(const ConvShape&, const T*, const T*, bool, T*, T*, void*) noexcept; \
  template size_t backward_weight_sparse_scratch_bytes<T>(const ConvShape&) noexcept;                          \
  template bool is_sparse_for_input<T>(const ConvShape&, const T*, double) noexcept;                           \
  template void backward_input_sparse<T>(const ConvShape&, const T*, const T*, const T*, Activation, T*,       \
                                         void*) noexcept;                                                      \
  template size_t backward_input_sparse_scratch_bytes<T>(const ConvShape&) noexcept;
CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)
#undef CYGNET_INSTANTIATE

}  // namespace cygnet
