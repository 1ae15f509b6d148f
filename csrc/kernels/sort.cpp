#include "sort.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/parallel.h"
#include "reduce_parts.h"

namespace cygnet {
namespace {

// An element as an unsigned number of the same order; floats by their bits, with one zero and one NaN, the largest.
template <class T>
auto key_of(T value) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    constexpr Bits sign = Bits(1) << (8 * sizeof(T) - 1);
    if (value != value) return static_cast<Bits>(~Bits(0));
    value += T(0);  // -0 becomes 0
    Bits bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return static_cast<Bits>(bits & sign ? ~bits : bits | sign);
  } else if constexpr (std::is_signed_v<T>) {
    using Bits = std::make_unsigned_t<T>;
    return static_cast<Bits>(static_cast<Bits>(value) ^ (Bits(1) << (8 * sizeof(T) - 1)));
  } else {
    return static_cast<uint32_t>(value);
  }
}

// A key and the position behind it, which decides between equals.
struct Wide {
  uint64_t key, position;
  friend bool operator<(const Wide& a, const Wide& b) {
    return a.key != b.key ? a.key < b.key : a.position < b.position;
  }
};
inline Wide entry(uint64_t key, int64_t position) noexcept { return {key, static_cast<uint64_t>(position)}; }
inline uint64_t entry(uint32_t key, int64_t position) noexcept {
  return uint64_t{key} << 32 | static_cast<uint32_t>(position);
}
inline int64_t position_of(const Wide& entry) noexcept { return static_cast<int64_t>(entry.position); }
inline int64_t position_of(uint64_t entry) noexcept { return static_cast<int64_t>(entry & 0xffffffff); }
inline uint64_t key_in(const Wide& entry) noexcept { return entry.key; }
inline uint32_t key_in(uint64_t entry) noexcept { return static_cast<uint32_t>(entry >> 32); }

template <class T>
struct Row {
  using Key = decltype(key_of(T()));
  using Entry = decltype(entry(Key(), 0));

  static Key key(T value, bool descending) noexcept {
    return descending ? static_cast<Key>(~key_of(value)) : key_of(value);
  }
};

// Rows longer than this are sorted by digits of their keys, the lowest first; each pass keeps the order of equals.
constexpr int64_t digits_from = 768;
constexpr int digit_bits = 8, digit_values = 1 << digit_bits;

// Sorts `entries` by key with the help of `other`, as long; returns where the result is.
template <class Entry>
Entry* sort_entries(Entry* entries, Entry* other, int64_t size) noexcept {
  using Key = decltype(key_in(*entries));
  if (size < digits_from) {
    std::sort(entries, entries + size);
    return entries;
  }
  constexpr int passes = static_cast<int>(sizeof(Key)) * 8 / digit_bits;
  int64_t count[passes][digit_values] = {};
  for (int64_t i = 0; i < size; ++i) {
    const Key key = key_in(entries[i]);
    for (int p = 0; p < passes; ++p) ++count[p][key >> (p * digit_bits) & (digit_values - 1)];
  }
  for (int p = 0; p < passes; ++p) {
    const int shift = p * digit_bits;
    if (count[p][key_in(entries[0]) >> shift & (digit_values - 1)] == size) continue;  // all alike
    int64_t place[digit_values], total = 0;
    for (int v = 0; v < digit_values; ++v) {
      place[v] = total;
      total += count[p][v];
    }
    for (int64_t i = 0; i < size; ++i) other[place[key_in(entries[i]) >> shift & (digit_values - 1)]++] = entries[i];
    std::swap(entries, other);
  }
  return entries;
}

// Tasks own some rows each and a piece of the scratch: their number bounds its size.
constexpr int64_t most_tasks = 16;
int64_t tasks_of(RowSizes s) noexcept { return std::min(s.rows, most_tasks); }

template <class Body>
void for_rows(RowSizes s, double work, const Body& body) noexcept {
  const int64_t tasks = tasks_of(s);
  parallel_for(tasks, work * static_cast<double>(s.rows * s.size), [=](int64_t task) {
    for (int64_t row = s.rows * task / tasks; row < s.rows * (task + 1) / tasks; ++row) body(task, row);
  });
}

template <class T>
void fill_entries(const T* from, int64_t size, bool descending, typename Row<T>::Entry* to) noexcept {
  for (int64_t i = 0; i < size; ++i) to[i] = entry(Row<T>::key(from[i], descending), i);
}

template <class T>
void argsort(RowSizes s, bool descending, const T* in, int64_t* out, void* scratch) noexcept {
  using Entry = typename Row<T>::Entry;
  for_rows(s, 16, [=](int64_t task, int64_t row) {
    Entry* const entries = static_cast<Entry*>(scratch) + task * 2 * s.size;
    fill_entries(in + row * s.size, s.size, descending, entries);
    const Entry* const sorted = sort_entries(entries, entries + s.size, s.size);
    for (int64_t i = 0; i < s.size; ++i) out[row * s.size + i] = position_of(sorted[i]);
  });
}

// Candidates are collected while they beat the k-th best so far; a full list is cut down to its best k.
int64_t list_length(int64_t size, int64_t k) noexcept { return std::min(size, 2 * k + 256); }

constexpr int64_t run = 64;

// False only if none of a run beats the bound: a loop without branches. NaNs count as beating.
template <class T>
bool may_beat(const T* from, int64_t count, T bound, bool largest) noexcept {
  int beats = 0;
  if (largest)
    for (int64_t i = 0; i < count; ++i) beats |= !(from[i] <= bound);
  else
    for (int64_t i = 0; i < count; ++i) beats |= !(from[i] >= bound);
  return beats != 0;
}

template <class T>
void topk(RowSizes s, int64_t k, bool largest, const T* in, int64_t* out, void* scratch) noexcept {
  using Entry = typename Row<T>::Entry;
  const int64_t length = list_length(s.size, k);
  if (k == 0) return;
  for_rows(s, 2, [=](int64_t task, int64_t row) {
    Entry* const list = static_cast<Entry*>(scratch) + task * length;
    const T* const from = in + row * s.size;
    fill_entries(from, length, largest, list);
    int64_t filled = length;
    for (int64_t i = length; i < s.size;) {
      std::nth_element(list, list + (k - 1), list + filled);
      const auto worst = key_in(list[k - 1]);  // a later equal loses to it
      const T bound = from[position_of(list[k - 1])];
      filled = k;
      while (i < s.size && filled + run <= length) {
        const int64_t count = std::min(run, s.size - i);
        if (may_beat(from + i, count, bound, largest)) {
          for (int64_t j = i; j < i + count; ++j) {
            const auto key = Row<T>::key(from[j], largest);
            if (key < worst) list[filled++] = entry(key, j);
          }
        }
        i += count;
      }
    }
    if (k < filled) std::nth_element(list, list + (k - 1), list + filled);
    std::sort(list, list + k);
    for (int64_t j = 0; j < k; ++j) out[row * k + j] = position_of(list[j]);
  });
}

template <class T>
void kth(RowSizes s, int64_t k, bool nan_wins, const T* in, int64_t* out, void* scratch) noexcept {
  using Entry = typename Row<T>::Entry;
  for_rows(s, 8, [=](int64_t task, int64_t row) {
    const T* const from = in + row * s.size;
    if (nan_wins) {
      const T* const found = std::find_if(from, from + s.size, [](T value) { return value != value; });
      if (found != from + s.size) {
        out[row] = found - from;
        return;
      }
    }
    Entry* const entries = static_cast<Entry*>(scratch) + task * 2 * s.size;
    fill_entries(from, s.size, false, entries);
    std::nth_element(entries, entries + k, entries + s.size);
    out[row] = position_of(entries[k]);
  });
}

size_t entry_bytes(DType dtype) noexcept {
  return dtype == DType::Float64 || dtype == DType::Int64 ? sizeof(Wide) : sizeof(uint64_t);
}

}  // namespace

size_t argsort_scratch_bytes(DType dtype, RowSizes s) noexcept {
  return static_cast<size_t>(tasks_of(s) * 2 * s.size) * entry_bytes(dtype);
}

size_t topk_scratch_bytes(DType dtype, RowSizes s, int64_t k) noexcept {
  return static_cast<size_t>(tasks_of(s) * list_length(s.size, k)) * entry_bytes(dtype);
}

void argsort_rows(DType dtype, RowSizes s, bool descending, const void* in, int64_t* out, void* scratch) noexcept {
  for_type(dtype, [=](auto zero) { argsort(s, descending, static_cast<const decltype(zero)*>(in), out, scratch); });
}

void topk_rows(DType dtype, RowSizes s, int64_t k, bool largest, const void* in, int64_t* out, void* scratch) noexcept {
  for_type(dtype, [=](auto zero) { topk(s, k, largest, static_cast<const decltype(zero)*>(in), out, scratch); });
}

void kth_rows(DType dtype, RowSizes s, int64_t k, bool nan_wins, const void* in, int64_t* out, void* scratch) noexcept {
  for_type(dtype, [=](auto zero) { kth(s, k, nan_wins, static_cast<const decltype(zero)*>(in), out, scratch); });
}

void search_rows(DType dtype, RowSizes s, bool shared, int64_t count, bool right, const void* boundaries,
                 const void* values, int64_t* out) noexcept {
  for_type(dtype, [=](auto zero) {
    using T = decltype(zero);
    constexpr int64_t grain = 4096;
    parallel_ranges(s.rows * count, grain, 32, [=](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        const T* const first = static_cast<const T*>(boundaries) + (shared ? 0 : at / count * s.size);
        const auto key = key_of(static_cast<const T*>(values)[at]);
        const auto* const found =
            right ? std::upper_bound(first, first + s.size, key, [](auto x, T b) { return x < key_of(b); })
                  : std::lower_bound(first, first + s.size, key, [](T b, auto x) { return key_of(b) < x; });
        out[at] = found - first;
      }
    });
  });
}

}  // namespace cygnet
