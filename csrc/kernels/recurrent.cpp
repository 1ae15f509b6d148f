#include "recurrent.h"

#include <utility>

#include "recurrent_cells.h"
#include "recurrent_parts.h"

namespace cygnet {

template <class T>
int64_t recurrent_gates_step(const RecurrentSizes& sizes) noexcept {
  return sizes.gates() * sizes.hidden + Vec<T>::lanes;
}

template <class T>
RecurrentGrid recurrent_grid(const RecurrentSizes& sizes, int64_t columns) noexcept {
  constexpr int64_t least_rows = 8, enough_rows = 16;  // of a chunk
  constexpr int64_t most_weight_bytes = 2 << 20;       // that the second-level cache keeps half of, at least
  RecurrentGrid grid{};
  const int64_t weight_bytes = sizes.gates() * sizes.hidden * sizes.state() * static_cast<int64_t>(sizeof(T));
  const bool heavy = weight_bytes > most_weight_bytes && !sizes.projected;
  grid.chunks =
      heavy ? 1 : std::max<int64_t>(1, sizes.batch / (sizes.batch < 2 * enough_rows ? least_rows : enough_rows));
  grid.panels = panels_for<T>(columns);
  grid.slices = 1;
  if (grid.chunks * sizes.directions == 1 && !sizes.projected)
    while (grid.slices < 16 && 2 * grid.slices <= grid.panels.panels &&
           recurrent_work(sizes) >= serial_step_work * static_cast<double>(grid.slices))
      grid.slices *= 2;
  return grid;
}

template <class T>
void multiply_rows(Tile<T> tile, int64_t count, int64_t a_step, int64_t c_step) noexcept {
  int64_t a_row[most_rows], c_row[most_rows];
  for (int i = 0; i < most_rows; ++i) {
    a_row[i] = i * a_step;
    c_row[i] = i * c_step;
  }
  tile.a_row = a_row;
  tile.c_row = c_row;
  const Strips strips = strips_for(count, tile.vectors);
  const T* const a = tile.a;
  T* const c = tile.c;
  for (int64_t s = 0; s < strips.strips; ++s) {
    const int64_t m = strips.begin(s);
    tile.rows = static_cast<int>(strips.begin(s + 1) - m);
    tile.a = a + m * a_step;
    tile.c = c + m * c_step;
    run_tile(tile);
  }
}

namespace {

// Steps up to which packing U would cost more than it saves.
constexpr int64_t few_steps = 3;

// A product of one row with the panels of all gates side by side: one panel alone has too few sums for the latency of
// the multiply-add, and this way a number of the state serves all.
template <class T>
struct GatesOfRow {
  const T* state;
  int64_t depth;
  int vectors, columns;
  const T* b;  // of each k the vectors of all gates
  T* c[4];     // added to
};

template <class T, int Gates, int Vectors>
void multiply_row_of(const GatesOfRow<T>& row) noexcept {
  using V = Vec<T>;
  constexpr int lanes = V::lanes;
  constexpr int64_t longest_chain = 256;
  for (int64_t from = 0; from < row.depth; from += longest_chain) {
    const int64_t end = std::min(row.depth, from + longest_chain);
    V sum[Gates][Vectors];
    for (auto& gate : sum)
      for (V& s : gate) s = V(T(0));
    const T* b = row.b + from * (Gates * Vectors * lanes);
    for (int64_t k = from; k < end; ++k, b += Gates * Vectors * lanes) {
      const V h(row.state[k]);
#pragma GCC unroll 4
      for (int g = 0; g < Gates; ++g)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) sum[g][v] = fma(h, V::load(b + (g * Vectors + v) * lanes), sum[g][v]);
    }
    for (int g = 0; g < Gates; ++g)
      for (int v = 0; v < Vectors; ++v) {
        T* const c = row.c[g] + v * lanes;
        const int count = std::min(lanes, row.columns - v * lanes);
        (V::load(c, count) + sum[g][v]).store(c, count);
      }
  }
}

template <class T, int Gates>
void multiply_row_of(const GatesOfRow<T>& row) noexcept {
  switch (row.vectors) {
    case 1:
      return multiply_row_of<T, Gates, 1>(row);
    case 2:
      return multiply_row_of<T, Gates, 2>(row);
    case 3:
      return multiply_row_of<T, Gates, 3>(row);
    default:
      if constexpr (max_vectors >= 4) return multiply_row_of<T, Gates, 4>(row);
  }
}

template <class T>
void multiply_row(const GatesOfRow<T>& row, int gates) noexcept {
  if (gates == 4) return multiply_row_of<T, 4>(row);
  if (gates == 3) return multiply_row_of<T, 3>(row);
  multiply_row_of<T, 1>(row);
}

// What the forward pass makes of the parameters: U and V in panels, the sum of the biases that are added together, and,
// where it is to last, W in the order of its product.
template <class T>
struct PackedParameters {
  struct Direction {
    T *hh, *hr, *bias;
    char* ih;
  } direction[most_directions];
  size_t bytes;
  int64_t gates, padded, state;

  PackedParameters(const RecurrentSizes& sizes, const RecurrentGrid& grid, bool lasting, void* block)
      : gates(sizes.gates()), padded(grid.panels.padded_columns()), state(sizes.state()) {
    Carver carver(block);
    const bool packs = sizes.steps > few_steps;
    for (int d = 0; d < sizes.directions; ++d) {
      Direction& to = direction[d];
      to.hh = carver.take<T>(packs ? gates * padded * state : 0);
      to.hr = carver.take<T>(packs ? panels_for<T>(sizes.projected).padded_columns() * sizes.hidden : 0);
      to.bias = carver.take<T>(gates * sizes.hidden);
      const size_t input = lasting ? gemm_packed_bytes(sizes.rows(), gates * sizes.hidden, sizes.inputs, by_row(sizes),
                                                       transposed(sizes, nullptr))
                                   : 0;
      to.ih = input ? carver.take<char>(static_cast<int64_t>(input)) : nullptr;
    }
    bytes = carver.used();
  }
  static MatrixView<T> by_row(const RecurrentSizes& sizes) { return {nullptr, sizes.inputs, 1}; }
  static MatrixView<T> transposed(const RecurrentSizes& sizes, const T* weight) { return {weight, 1, sizes.inputs}; }

  // Where a gate's panel of U begins, and from one k to the next: of each k the gates lie side by side.
  T* panel(int d, int64_t gate, const Panels& panels, int64_t p) const {
    return direction[d].hh + panels.begin(p) * gates * state + gate * panels.vectors_of(p) * panels.lanes;
  }
  int64_t panel_step(const Panels& panels, int64_t p) const { return gates * panels.vectors_of(p) * panels.lanes; }

  void fill(const RecurrentSizes& sizes, const RecurrentGrid& grid,
            const RecurrentParameters<T>* parameters) const noexcept {
    const int64_t width = sizes.hidden;
    // The bias that is added inside of the reset gate stays apart.
    const int64_t both = sizes.cell == Cell::Gru ? 2 * width : gates * width;
    for (int d = 0; d < sizes.directions; ++d) {
      const RecurrentParameters<T>& from = parameters[d];
      const Direction& to = direction[d];
      if (from.bias_ih)
        for (int64_t i = 0; i < gates * width; ++i)
          to.bias[i] = i < both ? from.bias_ih[i] + from.bias_hh[i] : from.bias_ih[i];
      if (to.ih)
        gemm_pack(sizes.rows(), gates * width, sizes.inputs, by_row(sizes), transposed(sizes, from.weight_ih), to.ih);
      if (sizes.steps <= few_steps) continue;
      const Panels panels = grid.panels;
      parallel_for(gates * panels.panels, static_cast<double>(gates * width * state), [=](int64_t i) {
        const int64_t gate = i / panels.panels, p = i % panels.panels;
        pack_panel(MatrixView<T>{from.weight_hh + (gate * width + panels.begin(p)) * state, 1, state}, state,
                   panels.columns_of(p), panels.vectors_of(p), panel(d, gate, panels, p), panel_step(panels, p));
      });
      if (!sizes.projected) continue;
      const Panels projection = panels_for<T>(sizes.projected);
      for (int64_t p = 0; p < projection.panels; ++p)
        pack_panel(MatrixView<T>{from.weight_hr + projection.begin(p) * width, 1, width}, width,
                   projection.columns_of(p), projection.vectors_of(p), to.hr + projection.begin(p) * width);
    }
  }
};

template <class T>
struct ForwardScratch {
  struct Direction {
    T *state, *cell, *gates, *extra;
  } direction[most_directions];
  void* gemm;
  size_t bytes;

  ForwardScratch(const RecurrentSizes& sizes, bool keep, void* block) {
    Carver carver(block);
    const int64_t rows = sizes.rows(), state = sizes.state(), gates = sizes.gates() * sizes.hidden;
    const bool packs = sizes.steps > few_steps, lstm = sizes.cell == Cell::Lstm;
    const bool gated = lstm || sizes.cell == Cell::Gru;
    for (int d = 0; d < sizes.directions; ++d) {
      direction[d].state = carver.take<T>(2 * sizes.batch * state_step<T>(state));
      direction[d].cell = carver.take<T>(lstm ? sizes.batch * sizes.hidden : 0);
      direction[d].gates = carver.take<T>(gated && !keep ? rows * recurrent_gates_step<T>(sizes) : 0);
      direction[d].extra =
          carver.take<T>(!keep && (sizes.projected || sizes.cell == Cell::Gru) ? rows * sizes.hidden : 0);
    }
    size_t most = gemm_scratch_bytes(rows, gates, sizes.inputs, PackedParameters<T>::by_row(sizes),
                                     PackedParameters<T>::transposed(sizes, nullptr));
    const std::pair<int64_t, int64_t> products[] = {
        {gates, state}, {2 * sizes.hidden, state}, {sizes.hidden, state}, {state, sizes.hidden}};
    for (int64_t t = 0; t < sizes.steps && !packs; ++t)
      for (const auto& [columns, depth] : products)
        most = std::max(
            most, gemm_scratch_bytes(sizes.active(t), columns, depth, MatrixView<T>{nullptr, state_step<T>(depth), 1},
                                     MatrixView<T>{nullptr, 1, depth}));
    gemm = carver.take<char>(static_cast<int64_t>(most));
    bytes = carver.used();
  }
};

template <class T>
class Forward {
 public:
  Forward(const RecurrentSizes& sizes, const RecurrentParameters<T>* parameters, const PackedParameters<T>& packed,
          bool keep, const RecurrentSaved<T>* saved, T* output, void* scratch)
      : sizes_(sizes),
        grid_(recurrent_grid<T>(sizes, sizes.hidden)),
        packed_(packed),
        scratch_(sizes, keep, scratch),
        projection_(panels_for<T>(sizes.projected)),
        state_step_(state_step<T>(sizes.state())),
        output_step_(sizes.directions * sizes.state()),
        rnn_(sizes.gates() == 1) {
    for (int d = 0; d < sizes.directions; ++d) {
      Direction& to = direction_[d];
      to.parameters = parameters[d];
      to.output = output + d * sizes.state();
      to.gates = rnn_ ? to.output : keep ? saved[d].gates : scratch_.direction[d].gates;
      to.extra = keep ? saved[d].extra : scratch_.direction[d].extra;
      to.saved_cells = keep ? saved[d].cells : nullptr;
      to.state = scratch_.direction[d].state;
      to.cell = sizes.cell == Cell::Lstm ? scratch_.direction[d].cell : nullptr;
    }
    gates_step_ = rnn_ ? output_step_ : recurrent_gates_step<T>(sizes);
  }

  void start(const T* input, const T* hidden, const T* cell) noexcept {
    for (int d = 0; d < sizes_.directions; ++d) {
      const int64_t state = sizes_.state(), width = sizes_.hidden;
      for (int64_t i = 0; i < sizes_.batch; ++i) {
        // Both of the states that take turns: a sequence that begins later finds its own.
        for (int turn = 0; turn < 2; ++turn) {
          T* const to = state_of(d, turn, i);
          hidden ? std::copy_n(hidden + (d * sizes_.batch + i) * state, state, to) : std::fill_n(to, state, T(0));
        }
        if (!direction_[d].cell) continue;
        T* const to = direction_[d].cell + i * width;
        cell ? std::copy_n(cell + (d * sizes_.batch + i) * width, width, to) : std::fill_n(to, width, T(0));
      }
      project_input(d, input);
    }
  }

  void run() noexcept {
    if (sizes_.steps <= few_steps) {
      for (int d = 0; d < sizes_.directions; ++d)
        for (int64_t place = 0; place < sizes_.steps; ++place) unpacked_step(d, place);
      return;
    }
    over_steps(grid_, sizes_, sizes_.steps, recurrent_work(sizes_), [this](int64_t place, int64_t number) {
      const RecurrentGrid::Task task = grid_.task(number);
      const int64_t t = step_at(sizes_, task.direction, place);
      const int64_t count = grid_.sequences(task.chunk, sizes_.active(t));
      if (count <= 0) return;
      for (int64_t p = task.first_panel; p < task.last_panel; ++p) panel_step(task, p, t, place % 2, count);
      if (sizes_.projected) project_state(task, t, place % 2, count);
    });
  }

  void finish(T* hidden_n, T* cell_n) const noexcept {
    const int64_t state = sizes_.state(), width = sizes_.hidden;
    for (int d = 0; d < sizes_.directions; ++d) {
      for (int64_t t = 0; t < sizes_.steps; ++t) {
        // The sequences whose last step, in this direction's order, is t.
        const int64_t end = d == 0 ? sizes_.active(t) : t == 0 ? sizes_.batch : 0;
        for (int64_t i = d == 0 && t + 1 < sizes_.steps ? sizes_.active(t + 1) : 0; i < end; ++i)
          std::copy_n(direction_[d].output + (sizes_.first[t] + i) * output_step_, state,
                      hidden_n + (d * sizes_.batch + i) * state);
      }
      if (direction_[d].cell) std::copy_n(direction_[d].cell, sizes_.batch * width, cell_n + d * sizes_.batch * width);
    }
  }

 private:
  struct Direction {
    RecurrentParameters<T> parameters;
    T *output, *gates, *extra, *saved_cells, *state, *cell;
  };

  T* state_of(int d, int64_t turn, int64_t i) const {
    return direction_[d].state + (turn * sizes_.batch + i) * state_step_;
  }

  // W x + b of all steps, and d where it is added outside of the reset gate.
  void project_input(int d, const T* input) noexcept {
    const T* const weight = direction_[d].parameters.weight_ih;
    Epilogue<T> epilogue;
    epilogue.bias = direction_[d].parameters.bias_ih ? packed_.direction[d].bias : nullptr;
    gemm(sizes_.rows(), sizes_.gates() * sizes_.hidden, sizes_.inputs, MatrixView<T>{input, sizes_.inputs, 1},
         PackedParameters<T>::transposed(sizes_, weight), epilogue, direction_[d].gates, gates_step_, scratch_.gemm,
         packed_.direction[d].ih);
  }

  // The units of one panel of a chunk's `count` sequences, at step t.
  void panel_step(const RecurrentGrid::Task& task, int64_t p, int64_t t, int64_t turn, int64_t count) noexcept {
    const int d = task.direction;
    const Direction& at = direction_[d];
    const int64_t state = sizes_.state(), width = sizes_.hidden, unit = grid_.panels.begin(p);
    const int64_t row = sizes_.first[t] + task.chunk;
    Tile<T> tile;
    tile.a = state_of(d, turn, task.chunk);
    tile.depth = state;
    tile.vectors = grid_.panels.vectors_of(p);
    tile.columns = grid_.panels.columns_of(p);
    tile.b_step = packed_.panel_step(grid_.panels, p);
    tile.b_padded = true;
    GatesOfRow<T> gates{tile.a, state, tile.vectors, tile.columns, packed_.panel(d, 0, grid_.panels, p), {}};
    for (int64_t gate = 0; gate < sizes_.gates(); ++gate) {
      const bool apart = sizes_.cell == Cell::Gru && gate == 2;
      const int64_t c_step = apart ? width : gates_step_;
      tile.b = packed_.panel(d, gate, grid_.panels, p);
      tile.c = apart ? at.extra + row * width + unit : at.gates + row * gates_step_ + gate * width + unit;
      tile.accumulate = !apart;
      tile.bias = apart && at.parameters.bias_hh ? at.parameters.bias_hh + 2 * width + unit : nullptr;
      if (count == 1) {
        if (apart) tile.bias ? std::copy_n(tile.bias, tile.columns, tile.c) : std::fill_n(tile.c, tile.columns, T(0));
        gates.c[gate] = tile.c;
        continue;
      }
      if (!apart)
        for (int64_t i = 0; i < count; ++i)
          for (int v = 0; v < tile.vectors; ++v) prefetch(tile.c + i * grid_.chunks * c_step + v * grid_.panels.lanes);
      multiply_rows(tile, count, grid_.chunks * state_step_, grid_.chunks * c_step);
    }
    if (count == 1) multiply_row(gates, static_cast<int>(sizes_.gates()));
    for (int64_t i = 0; i < count; ++i) activate(d, task.chunk + i * grid_.chunks, t, turn, unit, tile.columns);
  }

  // Gates and states of `units` units of a sequence, from `unit` on.
  void activate(int d, int64_t sequence, int64_t t, int64_t turn, int64_t unit, int64_t units) const noexcept {
    const Direction& at = direction_[d];
    const int64_t row = sizes_.first[t] + sequence, width = sizes_.hidden;
    CellForward<T> from;
    from.gates = at.gates + row * gates_step_ + unit;
    from.extra = at.extra ? at.extra + row * width + unit : nullptr;
    from.state = state_of(d, turn, sequence) + unit;
    from.cell = at.cell ? at.cell + sequence * width + unit : nullptr;
    from.saved_cell = at.saved_cells ? at.saved_cells + row * width + unit : nullptr;
    from.next = sizes_.projected ? at.extra + row * width + unit : state_of(d, 1 - turn, sequence) + unit;
    from.output = sizes_.projected ? nullptr : at.output + row * output_step_ + unit;
    forward_row(sizes_.cell, from, width, units);
  }

  // h = V m of a chunk's sequences.
  void project_state(const RecurrentGrid::Task& task, int64_t t, int64_t turn, int64_t count) noexcept {
    const int d = task.direction;
    const int64_t width = sizes_.hidden, row = sizes_.first[t] + task.chunk;
    for (int64_t p = 0; p < projection_.panels; ++p) {
      Tile<T> tile;
      tile.a = direction_[d].extra + row * width;
      tile.depth = width;
      tile.vectors = projection_.vectors_of(p);
      tile.columns = projection_.columns_of(p);
      tile.b = packed_.direction[d].hr + projection_.begin(p) * width;
      tile.b_step = int64_t{tile.vectors} * projection_.lanes;
      tile.b_padded = true;
      tile.c = state_of(d, 1 - turn, task.chunk) + projection_.begin(p);
      multiply_rows(tile, count, grid_.chunks * width, grid_.chunks * state_step_);
    }
    for (int64_t i = 0; i < count; ++i) output_state(d, task.chunk + i * grid_.chunks, t, turn);
  }

  void output_state(int d, int64_t sequence, int64_t t, int64_t turn) const noexcept {
    std::copy_n(state_of(d, 1 - turn, sequence), sizes_.state(),
                direction_[d].output + (sizes_.first[t] + sequence) * output_step_);
  }

  // A step by products that read U as it lies.
  void unpacked_step(int d, int64_t place) noexcept {
    const Direction& at = direction_[d];
    const int64_t t = step_at(sizes_, d, place), turn = place % 2, state = sizes_.state(), width = sizes_.hidden;
    const int64_t active = sizes_.active(t), row = sizes_.first[t];
    const int64_t together = (sizes_.cell == Cell::Gru ? 2 : sizes_.gates()) * width;
    const MatrixView<T> a{state_of(d, turn, 0), state_step_, 1};
    Epilogue<T> epilogue;
    epilogue.beta = 1;
    gemm(active, together, state, a, MatrixView<T>{at.parameters.weight_hh, 1, state}, epilogue,
         at.gates + row * gates_step_, gates_step_, scratch_.gemm);
    if (sizes_.cell == Cell::Gru) {
      epilogue.beta = 0;
      epilogue.bias = at.parameters.bias_hh ? at.parameters.bias_hh + together : nullptr;
      gemm(active, width, state, a, MatrixView<T>{at.parameters.weight_hh + together * state, 1, state}, epilogue,
           at.extra + row * width, width, scratch_.gemm);
    }
    parallel_for(active, static_cast<double>(16 * active * width),
                 [=](int64_t i) { activate(d, i, t, turn, 0, width); });
    if (!sizes_.projected) return;
    gemm(active, state, width, MatrixView<T>{at.extra + row * width, width, 1},
         MatrixView<T>{at.parameters.weight_hr, 1, width}, Epilogue<T>{}, state_of(d, 1 - turn, 0), state_step_,
         scratch_.gemm);
    for (int64_t i = 0; i < active; ++i) output_state(d, i, t, turn);
  }

  const RecurrentSizes sizes_;
  const RecurrentGrid grid_;
  const PackedParameters<T> packed_;
  const ForwardScratch<T> scratch_;
  const Panels projection_;
  const int64_t state_step_, output_step_;
  int64_t gates_step_;
  const bool rnn_;
  Direction direction_[most_directions];
};

}  // namespace

template <class T>
size_t recurrent_forward_scratch_bytes(const RecurrentSizes& sizes, bool keep) noexcept {
  const RecurrentGrid grid = recurrent_grid<T>(sizes, sizes.hidden);
  return PackedParameters<T>(sizes, grid, false, nullptr).bytes + ForwardScratch<T>(sizes, keep, nullptr).bytes;
}

template <class T>
size_t recurrent_packed_bytes(const RecurrentSizes& sizes) noexcept {
  return PackedParameters<T>(sizes, recurrent_grid<T>(sizes, sizes.hidden), true, nullptr).bytes;
}

template <class T>
void recurrent_pack(const RecurrentSizes& sizes, const RecurrentParameters<T>* parameters, void* packed) noexcept {
  const RecurrentGrid grid = recurrent_grid<T>(sizes, sizes.hidden);
  PackedParameters<T>(sizes, grid, true, packed).fill(sizes, grid, parameters);
}

template <class T>
void recurrent_forward(const RecurrentSizes& sizes, const T* input, const RecurrentParameters<T>* parameters,
                       const void* packed, const T* hidden, const T* cell, bool keep, const RecurrentSaved<T>* saved,
                       T* output, T* hidden_n, T* cell_n, void* scratch) noexcept {
  const RecurrentGrid grid = recurrent_grid<T>(sizes, sizes.hidden);
  const PackedParameters<T> used(sizes, grid, packed != nullptr, packed ? const_cast<void*>(packed) : scratch);
  if (!packed) {
    used.fill(sizes, grid, parameters);
    scratch = static_cast<char*>(scratch) + used.bytes;
  }
  Forward<T> forward(sizes, parameters, used, keep, saved, output, scratch);
  forward.start(input, hidden, cell);
  forward.run();
  forward.finish(hidden_n, cell_n);
}

#define CYGNET_INSTANTIATE(T)                                                                                     \
  template int64_t recurrent_gates_step<T>(const RecurrentSizes&) noexcept;                                       \
  template RecurrentGrid recurrent_grid<T>(const RecurrentSizes&, int64_t) noexcept;                              \
  template void multiply_rows<T>(Tile<T>, int64_t, int64_t, int64_t) noexcept;                                    \
  template size_t recurrent_forward_scratch_bytes<T>(const RecurrentSizes&, bool) noexcept;                       \
  template size_t recurrent_packed_bytes<T>(const RecurrentSizes&) noexcept;                                      \
  template void recurrent_pack<T>(const RecurrentSizes&, const RecurrentParameters<T>*, void*) noexcept;          \
  template void recurrent_forward<T>(const RecurrentSizes&, const T*, const RecurrentParameters<T>*, const void*, \
                                     const T*, const T*, bool, const RecurrentSaved<T>*, T*, T*, T*, void*) noexcept;

CYGNET_INSTANTIATE(float)
CYGNET_INSTANTIATE(double)

}  // namespace cygnet
