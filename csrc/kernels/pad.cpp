#include "pad.h"

#include <algorithm>
#include <cstring>

#include "copy.h"
#include "core/parallel.h"

namespace cygnet {
namespace {

// The same view with its axes in another order.
ArrayView permuted(const ArrayView& view, const int* order) noexcept {
  ArrayView result = view;
  for (int i = 0; i < view.rank(); ++i) {
    result.shape[i] = view.shape[order[i]];
    result.strides[i] = view.strides[order[i]];
  }
  return result;
}

template <class Item>
void pad_lines(const ArrayView& from, const ArrayView& to, const Dims& before, Item value) noexcept {
  const int inner = to.rank() - 1;
  const int64_t length = to.shape[inner], left = before[inner], width = from.shape[inner];
  const int64_t step = from.strides[inner];
  int64_t lines = 1;
  for (int i = 0; i < inner; ++i) lines *= to.shape[i];
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, length));
  parallel_ranges(lines, grain, static_cast<double>(length), [&](int64_t begin, int64_t end) {
    int64_t index[max_rank] = {};
    for (int64_t rest = begin, axis = inner - 1; axis >= 0; rest /= to.shape[static_cast<int>(axis--)])
      index[axis] = rest % to.shape[static_cast<int>(axis)];
    for (int64_t line = begin; line < end; ++line) {
      Item* const target = reinterpret_cast<Item*>(to.data) + line * length;
      const char* source = from.data;
      bool outside = false;
      for (int i = 0; i < inner; ++i) {
        const int64_t at = index[i] - before[i];
        outside |= at < 0 || at >= from.shape[i];
        source += at * from.strides[i];
      }
      if (outside) {
        std::fill_n(target, length, value);
      } else {
        std::fill_n(target, left, value);
        if (step == static_cast<int64_t>(sizeof(Item)))
          std::memcpy(target + left, source, static_cast<size_t>(width) * sizeof(Item));
        else
          for (int64_t i = 0; i < width; ++i) std::memcpy(target + left + i, source + i * step, sizeof(Item));
        std::fill_n(target + left + width, length - left - width, value);
      }
      for (int i = inner - 1; i >= 0 && ++index[i] == to.shape[i]; --i) index[i] = 0;
    }
  });
}

template <class T>
void add_lines(const ArrayView& from, const ArrayView& to, int apart) noexcept {
  const int inner = to.rank() - 1, outer = std::min(apart, inner);
  int64_t tasks = 1, lines = 1;
  for (int i = 0; i < outer; ++i) tasks *= to.shape[i];
  for (int i = outer; i < inner; ++i) lines *= to.shape[i];
  const int64_t length = to.shape[inner];
  const int64_t from_step = from.strides[inner] / static_cast<int64_t>(sizeof(T));
  const int64_t to_step = to.strides[inner] / static_cast<int64_t>(sizeof(T));
  parallel_for(tasks, static_cast<double>(to.count()), [&](int64_t task) {
    const char* source = from.data;
    char* target = to.data;
    for (int i = outer - 1; i >= 0; task /= to.shape[i--]) {
      source += task % to.shape[i] * from.strides[i];
      target += task % to.shape[i] * to.strides[i];
    }
    int64_t index[max_rank] = {};
    for (int64_t line = 0; line < lines; ++line) {
      const T* const x = reinterpret_cast<const T*>(source);
      T* const y = reinterpret_cast<T*>(target);
      if (from_step == 1 && to_step == 1)
        for (int64_t i = 0; i < length; ++i) y[i] += x[i];
      else
        for (int64_t i = 0; i < length; ++i) y[i * to_step] += x[i * from_step];
      for (int i = inner - 1; i >= outer; --i) {
        source += from.strides[i];
        target += to.strides[i];
        if (++index[i] < to.shape[i]) break;
        source -= to.shape[i] * from.strides[i];
        target -= to.shape[i] * to.strides[i];
        index[i] = 0;
      }
    }
  });
}

}  // namespace

void pad_constant(const ArrayView& from, const ArrayView& to, const Dims& before, double value) noexcept {
  if (to.count() == 0) return;
  // In the order of the target's memory, which is dense.
  int order[max_rank];
  for (int i = 0; i < to.rank(); ++i) order[i] = i;
  sort_axes(order, to.rank(), [&](int a, int b) { return to.strides[a] > to.strides[b]; });
  Dims first = before;
  for (int i = 0; i < to.rank(); ++i) first[i] = before[order[i]];
  alignas(8) char item[8];
  copy({reinterpret_cast<char*>(&value), DType::Float64, {}, {}}, {item, to.dtype, {}, {}});
  const auto run = [&](auto zero) {
    using Item = decltype(zero);
    std::memcpy(&zero, item, sizeof(Item));
    pad_lines(permuted(from, order), permuted(to, order), first, zero);
  };
  switch (item_size(to.dtype)) {
    case 8:
      return run(uint64_t{});
    case 4:
      return run(uint32_t{});
    default:
      return run(uint8_t{});
  }
}

void overlap_add(const ArrayView& from, const ArrayView& to, int apart) noexcept {
  if (to.count() == 0) return;
  if (to.dtype == DType::Float64)
    add_lines<double>(from, to, apart);
  else
    add_lines<float>(from, to, apart);
}

}  // namespace cygnet
