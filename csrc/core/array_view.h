// What a binding knows of an array: address, element type, shape and byte strides. A view owns nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <utility>

#include "check.h"

namespace cygnet {

enum class DType : uint8_t { Float32, Float64, Int32, Int64, Bool, UInt8 };

constexpr size_t item_size(DType dtype) {
  switch (dtype) {
    case DType::Float32:
    case DType::Int32:
      return 4;
    case DType::Float64:
    case DType::Int64:
      return 8;
    default:
      return 1;
  }
}

constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::Float32:
      return "float32";
    case DType::Float64:
      return "float64";
    case DType::Int32:
      return "int32";
    case DType::Int64:
      return "int64";
    case DType::Bool:
      return "bool";
    default:
      return "uint8";
  }
}

/// More dimensions than any layer has; an array of more is a ShapeError.
constexpr int max_rank = 16;

/// A list of sizes, strides or axes without allocation.
struct Dims {
  int64_t value[max_rank];
  int rank = 0;

  Dims() = default;
  Dims(std::initializer_list<int64_t> values) {
    for (int64_t v : values) value[rank++] = v;
  }
  int64_t& operator[](int i) { return value[i]; }
  int64_t operator[](int i) const { return value[i]; }
  int64_t back() const { return value[rank - 1]; }
  void push(int64_t v) {
    check<ShapeError>(rank < max_rank, "an array has more than ", max_rank, " dimensions");
    value[rank++] = v;
  }
  const int64_t* begin() const { return value; }
  const int64_t* end() const { return value + rank; }
  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.rank != b.rank) return false;
    for (int i = 0; i < a.rank; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }
  friend bool operator!=(const Dims& a, const Dims& b) { return !(a == b); }

  /// Writes "(2, 3)", "(4,)" or "()", as Python does.
  friend std::ostream& operator<<(std::ostream& out, const Dims& dims) {
    out << "(";
    for (int i = 0; i < dims.rank; ++i) out << (i ? ", " : "") << dims[i];
    return out << (dims.rank == 1 ? ",)" : ")");
  }
};

/// Sorts axes so that none comes before one that `before` puts first; stable, and without memory of its own.
template <class Before>
void sort_axes(int* axes, int count, const Before& before) {
  for (int i = 1; i < count; ++i)
    for (int j = i; j > 0 && before(axes[j], axes[j - 1]); --j) std::swap(axes[j], axes[j - 1]);
}

/// The product of sizes. Throws ShapeError where it, or the bytes it stands for, would not fit 63 bits.
inline int64_t element_count(const char* op, const Dims& shape, size_t item = 1) {
  int64_t count = 1;
  bool empty = false, overflow = false;
  for (int64_t size : shape) {
    check<ShapeError>(size >= 0, op, ": a size of ", shape, " is negative");
    empty |= size == 0;
    if (size) overflow |= __builtin_mul_overflow(count, size, &count);
  }
  int64_t bytes;
  overflow |= __builtin_mul_overflow(count, static_cast<int64_t>(item), &bytes);
  check<ShapeError>(empty || !overflow, op, ": shape ", shape, " has more elements than memory can hold");
  return empty ? 0 : count;
}

/// Byte strides of a C-contiguous array. They wrap around where the array is empty or `element_count` refuses it.
inline Dims contiguous_strides(const Dims& shape, size_t item) {
  Dims strides;
  strides.rank = shape.rank;
  uint64_t step = item;
  for (int i = shape.rank - 1; i >= 0; --i) {
    strides[i] = static_cast<int64_t>(step);
    step *= shape[i] > 1 ? static_cast<uint64_t>(shape[i]) : 1;
  }
  return strides;
}

/// Byte strides of an (N, C, ...) array whose channels are innermost in memory.
inline Dims channels_last_strides(const Dims& shape, size_t item) {
  Dims moved = shape;
  for (int i = 1; i + 1 < shape.rank; ++i) moved[i] = shape[i + 1];
  if (shape.rank > 1) moved[shape.rank - 1] = shape[1];
  const Dims inner = contiguous_strides(moved, item);
  Dims strides = inner;
  for (int i = 2; i < shape.rank; ++i) strides[i] = inner[i - 1];
  if (shape.rank > 1) strides[1] = inner[shape.rank - 1];
  return strides;
}

struct ArrayView {
  char* data = nullptr;
  DType dtype = DType::Float32;
  Dims shape;
  Dims strides;  // in bytes

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  int rank() const { return shape.rank; }
  int64_t count() const {
    int64_t n = 1;
    for (int64_t size : shape) n *= size;
    return n;
  }
  bool aligned() const {
    const auto item = static_cast<int64_t>(item_size(dtype));
    if (reinterpret_cast<uintptr_t>(data) % item) return false;
    for (int i = 0; i < rank(); ++i)
      if (shape[i] > 1 && strides[i] % item) return false;
    return true;
  }
  /// Whether memory order is that of `expected` strides; the strides of dimensions of size 1 do not matter.
  bool has_strides(const Dims& expected) const {
    for (int i = 0; i < rank(); ++i)
      if (shape[i] > 1 && strides[i] != expected[i]) return false;
    return true;
  }
  bool contiguous() const {
    return aligned() && (count() == 0 || has_strides(contiguous_strides(shape, item_size(dtype))));
  }
  bool channels_last() const {
    return aligned() && (count() == 0 || has_strides(channels_last_strides(shape, item_size(dtype))));
  }
  /// The first byte and the byte after the last that the view can touch.
  void extent(const char*& low, const char*& high) const {
    low = high = data;
    if (count() == 0) return;
    for (int i = 0; i < rank(); ++i) {
      const int64_t reach = strides[i] * (shape[i] - 1);
      (reach < 0 ? low : high) += reach;
    }
    high += item_size(dtype);
  }
};

}  // namespace cygnet
