// The cells of recurrent layers on one row of some neighbouring units: gates, states and their gradients in registers.
// The gates lie `hidden` elements apart; the equations are those of recurrent.h.
#pragma once

#include "activation_functions.h"
#include "recurrent.h"
#include "simd/loop.h"

namespace cygnet {

/// A row of units going forward. `gates` holds the gates' arguments and takes their values.
template <class T>
struct CellForward {
  T* gates;
  const T* extra;  // gru: U h + d of gate n
  const T* state;  // gru: h of the step before
  T* cell;         // lstm: c of the step before, and of this one
  T* next;         // h of this step (m where there is a projection)
  T* output;       // the same, or null
  T* saved_cell;   // lstm: c, or null
};

template <class T>
inline void rnn_forward_row(Cell cell, const CellForward<T>& row, int64_t units) noexcept {
  for_vectors<T>(0, units, [&](int64_t i, int n) {
    const Vec<T> x = Vec<T>::load(row.gates + i, n), h = cell == Cell::RnnTanh ? tanh(x) : relu(x);
    h.store(row.gates + i, n);
    h.store(row.next + i, n);
  });
}

template <class T>
inline void lstm_forward_row(const CellForward<T>& row, int64_t hidden, int64_t units) noexcept {
  T *const gate_i = row.gates, *const gate_f = gate_i + hidden, *const gate_g = gate_f + hidden;
  T* const gate_o = gate_g + hidden;
  for_vectors<T>(0, units, [&](int64_t u, int n) {
    const Vec<T> i = sigmoid(Vec<T>::load(gate_i + u, n)), f = sigmoid(Vec<T>::load(gate_f + u, n));
    const Vec<T> g = tanh(Vec<T>::load(gate_g + u, n)), o = sigmoid(Vec<T>::load(gate_o + u, n));
    const Vec<T> c = fma(f, Vec<T>::load(row.cell + u, n), i * g), h = o * tanh(c);
    i.store(gate_i + u, n);
    f.store(gate_f + u, n);
    g.store(gate_g + u, n);
    o.store(gate_o + u, n);
    c.store(row.cell + u, n);
    if (row.saved_cell) c.store(row.saved_cell + u, n);
    h.store(row.next + u, n);
    if (row.output) h.store(row.output + u, n);
  });
}

template <class T>
inline void gru_forward_row(const CellForward<T>& row, int64_t hidden, int64_t units) noexcept {
  T *const gate_r = row.gates, *const gate_z = gate_r + hidden, *const gate_n = gate_z + hidden;
  for_vectors<T>(0, units, [&](int64_t u, int n) {
    const Vec<T> r = sigmoid(Vec<T>::load(gate_r + u, n)), z = sigmoid(Vec<T>::load(gate_z + u, n));
    const Vec<T> fresh = tanh(fma(r, Vec<T>::load(row.extra + u, n), Vec<T>::load(gate_n + u, n)));
    const Vec<T> h = fma(z, Vec<T>::load(row.state + u, n) - fresh, fresh);
    r.store(gate_r + u, n);
    z.store(gate_z + u, n);
    fresh.store(gate_n + u, n);
    h.store(row.next + u, n);
    h.store(row.output + u, n);
  });
}

/// A row of units going backward.
template <class T>
struct CellBackward {
  const T* gates;        // activated; of rnn the output
  const T* extra;        // gru: U h + d of gate n
  const T* saved_cell;   // lstm: c of this step
  const T* previous;     // lstm: c, gru: h of the step before
  const T* grad_output;  // or null
  T* grad_state;         // of h from later steps; gru leaves what reaches h of the step before directly
  T* grad_cell;          // lstm: of c from later steps, and then of the step before
  T* grad_gates;         // of the gates' arguments; gru: fourth, of U h + d of gate n
};

template <class T>
inline Vec<T> grad_of_output(const CellBackward<T>& row, int64_t u, int n) {
  const Vec<T> grad = Vec<T>::load(row.grad_state + u, n);
  return row.grad_output ? grad + Vec<T>::load(row.grad_output + u, n) : grad;
}

template <class T>
inline void rnn_backward_row(Cell cell, const CellBackward<T>& row, int64_t units) noexcept {
  for_vectors<T>(0, units, [&](int64_t u, int n) {
    const Vec<T> grad = grad_of_output(row, u, n), h = Vec<T>::load(row.gates + u, n);
    (cell == Cell::RnnTanh ? tanh_gradient(grad, h) : relu_gradient(grad, h)).store(row.grad_gates + u, n);
  });
}

template <class T>
inline void lstm_backward_row(const CellBackward<T>& row, int64_t hidden, int64_t units) noexcept {
  const T *const gate_i = row.gates, *const gate_f = gate_i + hidden, *const gate_g = gate_f + hidden;
  const T* const gate_o = gate_g + hidden;
  T *const grad_i = row.grad_gates, *const grad_f = grad_i + hidden, *const grad_g = grad_f + hidden;
  T* const grad_o = grad_g + hidden;
  for_vectors<T>(0, units, [&](int64_t u, int n) {
    const Vec<T> i = Vec<T>::load(gate_i + u, n), f = Vec<T>::load(gate_f + u, n);
    const Vec<T> g = Vec<T>::load(gate_g + u, n), o = Vec<T>::load(gate_o + u, n);
    const Vec<T> grad = grad_of_output(row, u, n), t = tanh(Vec<T>::load(row.saved_cell + u, n));
    const Vec<T> by_cell = Vec<T>::load(row.grad_cell + u, n) + tanh_gradient(grad * o, t);
    sigmoid_gradient(by_cell * g, i).store(grad_i + u, n);
    sigmoid_gradient(by_cell * Vec<T>::load(row.previous + u, n), f).store(grad_f + u, n);
    tanh_gradient(by_cell * i, g).store(grad_g + u, n);
    sigmoid_gradient(grad * t, o).store(grad_o + u, n);
    (by_cell * f).store(row.grad_cell + u, n);
  });
}

template <class T>
inline void gru_backward_row(const CellBackward<T>& row, int64_t hidden, int64_t units) noexcept {
  const T *const gate_r = row.gates, *const gate_z = gate_r + hidden, *const gate_n = gate_z + hidden;
  T *const grad_r = row.grad_gates, *const grad_z = grad_r + hidden, *const grad_n = grad_z + hidden;
  T* const grad_extra = grad_n + hidden;
  for_vectors<T>(0, units, [&](int64_t u, int n) {
    const Vec<T> r = Vec<T>::load(gate_r + u, n), z = Vec<T>::load(gate_z + u, n);
    const Vec<T> fresh = Vec<T>::load(gate_n + u, n), grad = grad_of_output(row, u, n);
    const Vec<T> by_fresh = tanh_gradient(grad * (Vec<T>(T(1)) - z), fresh);
    sigmoid_gradient(by_fresh * Vec<T>::load(row.extra + u, n), r).store(grad_r + u, n);
    sigmoid_gradient(grad * (Vec<T>::load(row.previous + u, n) - fresh), z).store(grad_z + u, n);
    by_fresh.store(grad_n + u, n);
    (by_fresh * r).store(grad_extra + u, n);
    (grad * z).store(row.grad_state + u, n);
  });
}

template <class T>
inline void forward_row(Cell cell, const CellForward<T>& row, int64_t hidden, int64_t units) noexcept {
  if (cell == Cell::Lstm) return lstm_forward_row(row, hidden, units);
  if (cell == Cell::Gru) return gru_forward_row(row, hidden, units);
  rnn_forward_row(cell, row, units);
}
template <class T>
inline void backward_row(Cell cell, const CellBackward<T>& row, int64_t hidden, int64_t units) noexcept {
  if (cell == Cell::Lstm) return lstm_backward_row(row, hidden, units);
  if (cell == Cell::Gru) return gru_backward_row(row, hidden, units);
  rnn_backward_row(cell, row, units);
}

}  // namespace cygnet
