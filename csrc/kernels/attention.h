// Scaled dot-product attention (A. Vaswani et al., "Attention is all you need", 2017, section 3.2) of many heads:
//
//   O_i = sum_j keep_ij P_ij V_j,   P_ij = exp(S_ij - L_i),   S_ij = scale Q_i K_j + mask_ij,   L_i = log sum_j
//   exp(S_ij)
//
// with keep_ij = 1 without dropout, else 0 or 1 / (1 - p). Keys are worked off in blocks with a running maximum and sum
// of each row, so that no more than a block of S is ever in memory (T. Dao et al., "FlashAttention", 2022); the
// backward computes it again from Q, K and L. A query without a key has O_i = 0 and L_i = infinity, and gives no
// gradient.
#pragma once

#include <cstddef>
#include <cstdint>

#include "random.h"

namespace cygnet {

/// `group` query heads in a row share a key head: there are heads / group of these.
struct AttentionSizes {
  int64_t batch, heads, group, queries, keys, width, value_width;
};

/// Rows [batch][head][row] of elements that are neighbours in memory, by element steps.
template <class T>
struct HeadRows {
  T* data = nullptr;
  int64_t batch_step = 0, head_step = 0, row_step = 0;

  T* head(int64_t b, int64_t h) const { return data + b * batch_step + h * head_step; }
};

/// What is added to the scores [batch][head][query][key], by element steps, which may be 0: numbers, or minus infinity
/// where `allowed` is 0. At most one is not null. With `causal`, query i has the keys j <= i only.
template <class T>
struct AttentionMask {
  const T* added = nullptr;
  const uint8_t* allowed = nullptr;
  int64_t batch_step = 0, head_step = 0, query_step = 0, key_step = 0;
  bool causal = false;
};

/// keep_ij = 0 where word(i) < p 2^32, and so on as in `dropout_forward`, elements counted over
/// [batch][head][query][key].
struct AttentionDropout {
  double p = 0;
  RandomState state{0, 0};
};

/// log_sum [batch][heads][queries] takes L. The output's rows overlap nothing.
template <class T>
void attention_forward(const AttentionSizes& sizes, HeadRows<const T> query, HeadRows<const T> key,
                       HeadRows<const T> value, const AttentionMask<T>& mask, double scale,
                       const AttentionDropout& dropout, HeadRows<T> output, T* log_sum, void* scratch) noexcept;
template <class T>
size_t attention_forward_scratch_bytes(const AttentionSizes& sizes) noexcept;

/// With D_i = dO_i O_i, dS_ij = P_ij (keep_ij dO_i V_j - D_i):
///   dQ_i = scale sum_j dS_ij K_j,  dK_j = scale sum_i dS_ij Q_i,  dV_j = sum_i keep_ij P_ij dO_i.
template <class T>
void attention_backward(const AttentionSizes& sizes, HeadRows<const T> grad_output, HeadRows<const T> query,
                        HeadRows<const T> key, HeadRows<const T> value, HeadRows<const T> output, const T* log_sum,
                        const AttentionMask<T>& mask, double scale, const AttentionDropout& dropout,
                        HeadRows<T> grad_query, HeadRows<T> grad_key, HeadRows<T> grad_value, void* scratch) noexcept;
template <class T>
size_t attention_backward_scratch_bytes(const AttentionSizes& sizes) noexcept;

}  // namespace cygnet
