#include "recurrent_cells.h"
#include "recurrent_parts.h"

namespace cygnet {
namespace {

// Gradients of the arguments of the gates that a row has: gru keeps that of U h + d of gate n apart.
int64_t grad_gates_width(const RecurrentSizes& sizes) {
  return (sizes.cell == Cell::Gru ? 4 : sizes.gates()) * sizes.hidden;
}

template <class T>
struct BackwardScratch {
  struct Direction {
    T *packed_hh, *packed_hr, *grad_gates, *grad_state, *grad_cell, *grad_output, *grad_unprojected;
  } direction[most_directions];
  T *zeros, *previous, *sums;
  void* shared;  // of the products after the loop, which take turns
  size_t bytes;

  BackwardScratch(const RecurrentSizes& sizes, const RecurrentGrid& grid, bool any_parameters, void* block) {
    Carver carver(block);
    const int64_t rows = sizes.rows(), state = sizes.state(), width = sizes.hidden, gates = sizes.gates() * width;
    const int64_t step = grad_gates_width(sizes) + Vec<T>::lanes;
    const bool lstm = sizes.cell == Cell::Lstm;
    const Panels unprojected = panels_for<T>(width);
    for (int d = 0; d < sizes.directions; ++d) {
      direction[d].packed_hh = carver.take<T>(grid.panels.padded_columns() * gates);
      direction[d].packed_hr = carver.take<T>(unprojected.padded_columns() * sizes.projected);
      direction[d].grad_gates = carver.take<T>(rows * step);
      direction[d].grad_state = carver.take<T>(sizes.batch * state_step<T>(state));
      direction[d].grad_cell = carver.take<T>(lstm ? sizes.batch * width : 0);
      direction[d].grad_output = carver.take<T>(sizes.projected ? rows * state : 0);
      direction[d].grad_unprojected = carver.take<T>(sizes.projected ? sizes.batch * state_step<T>(width) : 0);
    }
    zeros = carver.take<T>(width);
    previous = carver.take<T>(any_parameters ? rows * state : 0);
    sums = carver.take<T>(any_parameters ? step : 0);
    const MatrixView<T> grad{nullptr, step, 1}, across{nullptr, 1, step};
    const auto by_row = [](int64_t columns) { return MatrixView<T>{nullptr, columns, 1}; };
    size_t most = gemm_scratch_bytes(rows, sizes.inputs, gates, grad, by_row(sizes.inputs));
    if (any_parameters) {
      most = std::max(most, gemm_scratch_bytes(gates, sizes.inputs, rows, across, by_row(sizes.inputs)));
      for (const int64_t part : {gates, 2 * width, width})
        most = std::max(most, gemm_scratch_bytes(part, state, rows, across, by_row(state)));
      most = std::max(most, column_sum_scratch_bytes(rows, step, sizeof(T)));
      if (sizes.projected)
        most = std::max(most, gemm_scratch_bytes(state, width, rows, MatrixView<T>{nullptr, 1, state}, by_row(width)));
    }
    shared = carver.take<char>(static_cast<int64_t>(most));
    bytes = carver.used();
  }
};

template <class T>
class Backward {
 public:
  Backward(const RecurrentSizes& sizes, const RecurrentParameters<T>* parameters, const T* hidden, const T* cell,
           const T* output, const RecurrentSaved<T>* saved, bool any_parameters, void* scratch)
      : sizes_(sizes),
        grid_(recurrent_grid<T>(sizes, sizes.state())),
        scratch_(sizes, grid_, any_parameters, scratch),
        unprojected_(panels_for<T>(sizes.hidden)),
        state_step_(state_step<T>(sizes.state())),
        output_step_(sizes.directions * sizes.state()),
        gates_step_(sizes.gates() == 1 ? output_step_ : recurrent_gates_step<T>(sizes)),
        grad_gates_step_(grad_gates_width(sizes) + Vec<T>::lanes),
        parameters_(parameters),
        hidden_(hidden),
        cell_(cell),
        output_(output),
        saved_(saved) {
    std::fill_n(scratch_.zeros, sizes.hidden, T(0));
  }

  void run(const T* grad_output, const T* grad_hidden, const T* grad_cell) noexcept {
    grad_output_ = grad_output;
    for (int d = 0; d < sizes_.directions; ++d) {
      for (int64_t i = 0; i < sizes_.batch; ++i) {
        start(grad_hidden, d, i, sizes_.state(), state_of(d, i));
        if (sizes_.cell == Cell::Lstm) start(grad_cell, d, i, sizes_.hidden, cell_of(d, i));
      }
      pack(d);
    }
    over_steps(grid_, sizes_, sizes_.steps + 1, recurrent_work(sizes_), [this](int64_t done, int64_t number) {
      const RecurrentGrid::Task task = grid_.task(number);
      if (done > 0) pass_back(task, step_at(sizes_, task.direction, sizes_.steps - done));
      if (done < sizes_.steps) cells(task, step_at(sizes_, task.direction, sizes_.steps - 1 - done));
    });
  }

  void gradients(const T* input, const RecurrentGradients<T>& grads) noexcept {
    const int64_t rows = sizes_.rows(), state = sizes_.state(), width = sizes_.hidden, inputs = sizes_.inputs;
    const int64_t gates = sizes_.gates() * width, recurrent = sizes_.cell == Cell::Gru ? 2 * width : gates;
    const MatrixView<T> by_input{input, inputs, 1}, by_state{scratch_.previous, state, 1};
    for (int d = 0; d < sizes_.directions; ++d) {
      const T* const grad = scratch_.direction[d].grad_gates;
      const MatrixView<T> across{grad, 1, grad_gates_step_};
      const auto& to = grads.parameters[d];
      const auto times = [&](int64_t count, const MatrixView<T>& a, const MatrixView<T>& b, int64_t columns, T* c) {
        gemm(count, columns, rows, a, b, Epilogue<T>{}, c, columns, scratch_.shared);
      };
      if (to.weight_ih) times(gates, across, by_input, inputs, to.weight_ih);
      if (to.weight_hh) {
        gather_previous(d);
        times(recurrent, across, by_state, state, to.weight_hh);
        if (recurrent < gates)
          times(width, MatrixView<T>{grad + 3 * width, 1, grad_gates_step_}, by_state, state,
                to.weight_hh + recurrent * state);
      }
      if (to.bias_ih || to.bias_hh) {
        column_sum(grad, rows, grad_gates_step_, scratch_.sums, scratch_.shared);
        if (to.bias_ih) std::copy_n(scratch_.sums, gates, to.bias_ih);
        if (to.bias_hh) {
          std::copy_n(scratch_.sums, recurrent, to.bias_hh);
          if (recurrent < gates) std::copy_n(scratch_.sums + 3 * width, width, to.bias_hh + recurrent);
        }
      }
      if (to.weight_hr)
        times(state, MatrixView<T>{scratch_.direction[d].grad_output, 1, state},
              MatrixView<T>{saved_[d].extra, width, 1}, width, to.weight_hr);
      if (grads.input) {
        Epilogue<T> epilogue;
        epilogue.beta = d == 0 ? T(0) : T(1);
        gemm(rows, inputs, gates, MatrixView<T>{grad, grad_gates_step_, 1},
             MatrixView<T>{parameters_[d].weight_ih, inputs, 1}, epilogue, grads.input, inputs, scratch_.shared);
      }
      for (int64_t i = 0; i < sizes_.batch; ++i) {
        if (grads.hidden) std::copy_n(state_of(d, i), state, grads.hidden + (d * sizes_.batch + i) * state);
        if (grads.cell) std::copy_n(cell_of(d, i), width, grads.cell + (d * sizes_.batch + i) * width);
      }
    }
  }

 private:
  T* state_of(int d, int64_t i) const { return scratch_.direction[d].grad_state + i * state_step_; }
  T* cell_of(int d, int64_t i) const { return scratch_.direction[d].grad_cell + i * sizes_.hidden; }

  void start(const T* grad, int d, int64_t i, int64_t width, T* to) const noexcept {
    grad ? std::copy_n(grad + (d * sizes_.batch + i) * width, width, to) : std::fill_n(to, width, T(0));
  }

  void pack(int d) noexcept {
    const int64_t state = sizes_.state(), width = sizes_.hidden, gates = sizes_.gates() * width;
    const auto pack_columns = [](const T* weight, int64_t depth, const Panels& panels, T* packed) {
      parallel_for(panels.panels, static_cast<double>(depth * panels.columns), [=](int64_t p) {
        pack_panel(MatrixView<T>{weight + panels.begin(p), panels.columns, 1}, depth, panels.columns_of(p),
                   panels.vectors_of(p), packed + panels.begin(p) * depth);
      });
    };
    pack_columns(parameters_[d].weight_hh, gates, grid_.panels, scratch_.direction[d].packed_hh);
    if (sizes_.projected) pack_columns(parameters_[d].weight_hr, state, unprojected_, scratch_.direction[d].packed_hr);
  }

  // What the gates of step t give to the states before it: grad_state of a task's units.
  void pass_back(const RecurrentGrid::Task& task, int64_t t) noexcept {
    const int d = task.direction;
    const int64_t count = grid_.sequences(task.chunk, sizes_.active(t)), width = sizes_.hidden;
    if (count <= 0) return;
    // gru: the third part is that of U h + d, which lies after that of W x + b.
    const bool gru = sizes_.cell == Cell::Gru;
    const int64_t parts[3] = {0, width, 3 * width};
    Tile<T> tile;
    tile.a = scratch_.direction[d].grad_gates + (sizes_.first[t] + task.chunk) * grad_gates_step_;
    tile.a_segment = gru ? parts : nullptr;
    tile.segments = gru ? 3 : 1;
    tile.depth = gru ? width : sizes_.gates() * width;
    tile.b_padded = true;
    tile.accumulate = gru;
    for (int64_t p = task.first_panel; p < task.last_panel; ++p) {
      tile.vectors = grid_.panels.vectors_of(p);
      tile.columns = grid_.panels.columns_of(p);
      tile.b_step = int64_t{tile.vectors} * grid_.panels.lanes;
      tile.b_segment = tile.depth * tile.b_step;
      tile.b = scratch_.direction[d].packed_hh + grid_.panels.begin(p) * sizes_.gates() * width;
      tile.c = state_of(d, task.chunk) + grid_.panels.begin(p);
      multiply_rows(tile, count, grid_.chunks * grad_gates_step_, grid_.chunks * state_step_);
    }
  }

  // The gradients of the gates of a task's units at step t.
  void cells(const RecurrentGrid::Task& task, int64_t t) noexcept {
    const int d = task.direction;
    const int64_t count = grid_.sequences(task.chunk, sizes_.active(t)), width = sizes_.hidden;
    if (count <= 0) return;
    if (sizes_.projected) unproject(task, t, count);
    const int64_t unit = sizes_.projected ? 0 : grid_.panels.begin(task.first_panel);
    const int64_t end = sizes_.projected ? width : std::min(width, grid_.panels.begin(task.last_panel));
    for (int64_t j = 0; j < count; ++j) {
      const int64_t i = task.chunk + j * grid_.chunks, row = sizes_.first[t] + i;
      CellBackward<T> at{};
      at.gates = sizes_.gates() == 1 ? output_ + row * gates_step_ + d * width : saved_[d].gates + row * gates_step_;
      at.gates += unit;
      if (sizes_.cell == Cell::Gru) at.extra = saved_[d].extra + row * width + unit;
      if (sizes_.cell != Cell::Lstm) {
        at.previous = previous_state(d, t, i) + unit;
      } else {
        const int64_t before = previous_row(sizes_, d, t, i);
        at.saved_cell = saved_[d].cells + row * width + unit;
        at.previous = (before >= 0 ? saved_[d].cells + before * width
                       : cell_     ? cell_ + (d * sizes_.batch + i) * width
                                   : scratch_.zeros) +
                      unit;
        at.grad_cell = cell_of(d, i) + unit;
      }
      at.grad_gates = scratch_.direction[d].grad_gates + row * grad_gates_step_ + unit;
      if (sizes_.projected) {
        at.grad_state = scratch_.direction[d].grad_unprojected + i * state_step<T>(width);
      } else {
        at.grad_state = state_of(d, i) + unit;
        at.grad_output = grad_output_ ? grad_output_ + row * output_step_ + d * width + unit : nullptr;
      }
      backward_row(sizes_.cell, at, width, end - unit);
    }
  }

  // The whole gradient of h, which V's gradient needs, and that of m = V^T times it.
  void unproject(const RecurrentGrid::Task& task, int64_t t, int64_t count) noexcept {
    const int d = task.direction;
    const int64_t state = sizes_.state(), row = sizes_.first[t] + task.chunk;
    for (int64_t j = 0; j < count; ++j) {
      const int64_t i = task.chunk + j * grid_.chunks, at = sizes_.first[t] + i;
      const T* const later = state_of(d, i);
      T* const grad = scratch_.direction[d].grad_output + at * state;
      const T* const own = grad_output_ ? grad_output_ + at * output_step_ + d * state : scratch_.zeros;
      for (int64_t k = 0; k < state; ++k) grad[k] = later[k] + own[k];
    }
    for (int64_t p = 0; p < unprojected_.panels; ++p) {
      Tile<T> tile;
      tile.a = scratch_.direction[d].grad_output + row * state;
      tile.depth = state;
      tile.vectors = unprojected_.vectors_of(p);
      tile.columns = unprojected_.columns_of(p);
      tile.b = scratch_.direction[d].packed_hr + unprojected_.begin(p) * state;
      tile.b_step = int64_t{tile.vectors} * unprojected_.lanes;
      tile.b_padded = true;
      tile.c =
          scratch_.direction[d].grad_unprojected + task.chunk * state_step<T>(sizes_.hidden) + unprojected_.begin(p);
      multiply_rows(tile, count, grid_.chunks * state, grid_.chunks * state_step<T>(sizes_.hidden));
    }
  }

  // h of sequence i one step before t.
  const T* previous_state(int d, int64_t t, int64_t i) const noexcept {
    const int64_t row = previous_row(sizes_, d, t, i), state = sizes_.state();
    if (row >= 0) return output_ + row * output_step_ + d * state;
    return hidden_ ? hidden_ + (d * sizes_.batch + i) * state : scratch_.zeros;
  }

  void gather_previous(int d) noexcept {
    const int64_t state = sizes_.state();
    parallel_for(sizes_.steps, static_cast<double>(sizes_.rows() * state), [this, d, state](int64_t t) {
      for (int64_t i = 0; i < sizes_.active(t); ++i)
        std::copy_n(previous_state(d, t, i), state, scratch_.previous + (sizes_.first[t] + i) * state);
    });
  }

  const RecurrentSizes sizes_;
  const RecurrentGrid grid_;
  const BackwardScratch<T> scratch_;
  const Panels unprojected_;
  const int64_t state_step_, output_step_, gates_step_, grad_gates_step_;
  const RecurrentParameters<T>* const parameters_;
  const T *const hidden_, *const cell_, *const output_;
  const RecurrentSaved<T>* const saved_;
  const T* grad_output_ = nullptr;
};

}  // namespace

template <class T>
size_t recurrent_backward_scratch_bytes(const RecurrentSizes& sizes, bool any_parameters) noexcept {
  return BackwardScratch<T>(sizes, recurrent_grid<T>(sizes, sizes.state()), any_parameters, nullptr).bytes;
}

template <class T>
void recurrent_backward(const RecurrentSizes& sizes, const T* grad_output, const T* grad_hidden, const T* grad_cell,
                        const T* input, const RecurrentParameters<T>* parameters, const T* hidden, const T* cell,
                        const T* output, const RecurrentSaved<T>* saved, const RecurrentGradients<T>& grads,
                        void* scratch) noexcept {
  bool any_parameters = false;
  for (int d = 0; d < sizes.directions; ++d) {
    const auto& wanted = grads.parameters[d];
    any_parameters |= wanted.weight_ih || wanted.weight_hh || wanted.bias_ih || wanted.bias_hh || wanted.weight_hr;
  }
  Backward<T> backward(sizes, parameters, hidden, cell, output, saved, any_parameters, scratch);
  backward.run(grad_output, grad_hidden, grad_cell);
  backward.gradients(input, grads);
}

#define CYGNET_INSTANTIATE(T)                                                                        \
  template size_t recurrent_backward_scratch_bytes<T>(const RecurrentSizes&, bool) noexcept;         \
  template void recurrent_backward<T>(const RecurrentSizes&, const T*, const T*, const T*, const T*, \
                                      const RecurrentParameters<T>*, const T*, const T*, const T*,   \
                                      const RecurrentSaved<T>*, const RecurrentGradients<T>&, void*) noexcept;

CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)

}  // namespace cygnet
