// Recurrent layers over whole sequences, forward and backward.
//
// With x_t the input of step t, h_t its state and W = weight_ih, U = weight_hh, b = bias_ih, d = bias_hh (gates one
// below another), s(x) = 1 / (1 + exp(-x)) and * element by element:
//
//   rnn    h_t = tanh(W x_t + b + U h_{t-1} + d), or with relu (J. Elman, "Finding structure in time", 1990)
//   lstm   i, f, o = s(W x_t + b + U h_{t-1} + d), g = tanh(the same); gates in the order i, f, g, o
//          c_t = f * c_{t-1} + i * g,  m_t = o * tanh(c_t),  h_t = m_t, or V m_t with V = weight_hr
//          (S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997; H. Sak et al., arXiv 1402.1128)
//   gru    r, z = s(W x_t + b + U h_{t-1} + d), n = tanh(W x_t + b + r * (U h_{t-1} + d)); order r, z, n
//          h_t = (1 - z) * n + z * h_{t-1} (K. Cho et al., 2014; the product taken before the reset)
//
// The sequences of a batch may differ in length. They are sorted, longest first, and of each step only the rows of
// those that reach it are there: row first[t] + i is step t of sequence i. A second direction starts at each
// sequence's end.
//
// W x_t of all steps is one product. In the loop over the steps a task owns some sequences, whose states nobody else
// needs; only where these are too few tasks own slices of the units instead and wait for each other after each step.
// U is packed once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cygnet {

enum class Cell : uint8_t { RnnTanh, RnnRelu, Lstm, Gru };

constexpr int64_t gates_of(Cell cell) { return cell == Cell::Lstm ? 4 : cell == Cell::Gru ? 3 : 1; }

struct RecurrentSizes {
  Cell cell;
  int directions;  // 1 or 2
  int64_t steps, batch, inputs, hidden;
  int64_t projected;     // of lstm: rows of V; 0: no projection
  const int64_t* first;  // of each step its first row; steps + 1 numbers

  int64_t rows() const { return first[steps]; }
  int64_t active(int64_t step) const { return first[step + 1] - first[step]; }
  int64_t gates() const { return gates_of(cell); }
  int64_t state() const { return projected ? projected : hidden; }
};

constexpr int most_directions = 2;

/// The parameters of a direction; biases and V may be null.
template <class T>
struct RecurrentParameters {
  const T *weight_ih, *weight_hh, *bias_ih, *bias_hh, *weight_hr;
};

/// What a direction's backward call needs, written by the forward call: the activated gates [rows][gates_step], for
/// lstm c_t and with a projection m_t, for gru U h + d of gate n; the latter [rows][hidden]. None of it for rnn.
template <class T>
struct RecurrentSaved {
  T *gates, *cells, *extra;
};

/// Elements from row to row of the gates: apart from the multiples of 4 KB that share their sets of the caches.
template <class T>
int64_t recurrent_gates_step(const RecurrentSizes& sizes) noexcept;

/// Bytes of scratch; `keep` as below.
template <class T>
size_t recurrent_forward_scratch_bytes(const RecurrentSizes& sizes, bool keep) noexcept;

/// What the forward pass makes of the parameters before it begins, for several passes with the same ones.
template <class T>
size_t recurrent_packed_bytes(const RecurrentSizes& sizes) noexcept;
template <class T>
void recurrent_pack(const RecurrentSizes& sizes, const RecurrentParameters<T>* parameters, void* packed) noexcept;

/// input [rows][inputs], hidden and cell [directions][batch][state or hidden] or null for zeros; output
/// [rows][directions * state], hidden_n and cell_n as hidden and cell. `saved` has one entry a direction if `keep`.
/// hidden_n and cell_n may be hidden and cell. `packed` is null or what recurrent_pack has made.
template <class T>
void recurrent_forward(const RecurrentSizes& sizes, const T* input, const RecurrentParameters<T>* parameters,
                       const void* packed, const T* hidden, const T* cell, bool keep, const RecurrentSaved<T>* saved,
                       T* output, T* hidden_n, T* cell_n, void* scratch) noexcept;

/// The gradients that are wanted; each may be null. Those of the states as hidden and cell, of the parameters one
/// entry a direction.
template <class T>
struct RecurrentGradients {
  T *input, *hidden, *cell;
  struct Parameters {
    T *weight_ih, *weight_hh, *bias_ih, *bias_hh, *weight_hr;
  } parameters[most_directions];
};

template <class T>
size_t recurrent_backward_scratch_bytes(const RecurrentSizes& sizes, bool any_parameters) noexcept;

/// From the gradients of output, hidden_n and cell_n, each of which may be null for zeros.
template <class T>
void recurrent_backward(const RecurrentSizes& sizes, const T* grad_output, const T* grad_hidden, const T* grad_cell,
                        const T* input, const RecurrentParameters<T>* parameters, const T* hidden, const T* cell,
                        const T* output, const RecurrentSaved<T>* saved, const RecurrentGradients<T>& grads,
                        void* scratch) noexcept;

}  // namespace cygnet
