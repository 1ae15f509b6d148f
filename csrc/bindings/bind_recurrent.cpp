#include <algorithm>
#include <string>
#include <vector>

#include "families.h"
#include "fused_activation.h"
#include "kernels/recurrent.h"
#include "launch.h"

namespace cygnet {
namespace {

constexpr size_t parameters_of_direction = 5, saved_of_direction = 3;
constexpr int64_t most_steps = int64_t{1} << 27;  // each has an offset: an expanded input must not take all memory
constexpr const char* parameter_names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"};

// The arguments that forward and backward calls share, checked.
struct Layer {
  const char* op;
  RecurrentSizes sizes{};
  std::vector<int64_t> first;
  DType dtype;
  Array input, hidden, cell;
  std::vector<Array> parameters;  // five a direction

  Layer(const char* name, Cell kind, const ArrayArg& input_arg, const py::object& parameter_lists,
        const OptionalArray& hidden_arg, const OptionalArray& cell_arg, const py::object& batch_sizes)
      : op(name) {
    sizes.cell = kind;
    input = float_array(op, "input", input_arg);
    dtype = input.dtype();
    read_steps(batch_sizes);
    sizes.inputs = input.shape(input.rank() - 1);
    const py::tuple directions = items_of(op, "parameters", parameter_lists);
    check<ValueError>(directions.size() == 1 || directions.size() == most_directions, op, ": parameters has ",
                      directions.size(), " directions, expected 1 or 2");
    sizes.directions = static_cast<int>(directions.size());
    for (size_t d = 0; d < directions.size(); ++d) read_parameters(d, directions[d]);
    hidden = state_of("hidden", hidden_arg, sizes.state());
    cell = state_of("cell", cell_arg, sizes.hidden);
    input = contiguous(input);
  }

  Dims state_shape(int64_t width) const { return {sizes.directions, sizes.batch, width}; }
  Dims output_shape() const {
    const int64_t width = sizes.directions * sizes.state();
    return input.rank() == 3 ? Dims{sizes.steps, sizes.batch, width} : Dims{rows(), width};
  }
  int64_t rows() const { return first.back(); }

  Array state_of(const char* name, const OptionalArray& arg, int64_t width) const {
    Array state = optional_array_of(op, name, arg, dtype, "input");
    if (!state) return state;
    check_shape(op, name, state, state_shape(width));
    return contiguous(state);
  }

  /// The products of the layer, `times` over.
  Work work(double times) const {
    const double weights = static_cast<double>(sizes.directions * sizes.gates() * sizes.hidden) *
                           static_cast<double>(sizes.inputs + sizes.state());
    return {2 * times * static_cast<double>(rows()) * weights,
            times * static_cast<double>(item_size(dtype)) *
                (weights + static_cast<double>(rows() * (sizes.inputs + sizes.gates() * sizes.hidden)))};
  }

 private:
  void read_steps(const py::object& batch_sizes) {
    if (batch_sizes.is_none()) {
      check_rank(op, "input", input, 3);
      sizes.steps = input.shape(0);
      sizes.batch = input.shape(1);
      check<ShapeError>(sizes.steps > 0, op, ": input has shape ", input.shape(), ", expected at least one step");
      check<ShapeError>(sizes.steps <= most_steps, op, ": input has shape ", input.shape(), ", expected at most ",
                        most_steps, " steps");
      for (int64_t t = 0; t <= sizes.steps; ++t) first.push_back(t * sizes.batch);
      return;
    }
    check_rank(op, "input", input, 2);
    const std::vector<int64_t> counts = integers_of(op, "batch_sizes", {{batch_sizes}});
    check<ValueError>(!counts.empty(), op, ": batch_sizes is empty, expected one number a step");
    sizes.steps = static_cast<int64_t>(counts.size());
    first.push_back(0);
    int64_t before = input.shape(0);
    for (size_t t = 0; t < counts.size(); ++t) {
      const int64_t count = counts[t];
      check<ValueError>(count > 0 && count <= before, op, ": batch_sizes[", t, "] is ", count,
                        ", expected at least 1 and at most ", before);
      first.push_back(first.back() + count);
      check<ShapeError>(first.back() <= input.shape(0), op, ": batch_sizes has more rows than input, ", input.shape(0));
      before = count;
    }
    check<ShapeError>(rows() == input.shape(0), op, ": input has shape ", input.shape(), ", expected ", rows(),
                      " rows, the sum of batch_sizes");
    sizes.batch = first[1];
  }

  void read_parameters(size_t d, py::handle list) {
    const std::string direction = "parameters[" + std::to_string(d) + "]";
    const py::tuple items = items_of(op, direction.c_str(), list);
    const size_t most = parameters_of_direction - (sizes.cell != Cell::Lstm);
    check<ValueError>(items.size() >= 4 && items.size() <= most, op, ": ", direction, " has ", items.size(),
                      " arrays, expected weight_ih, weight_hh, bias_ih and bias_hh", most == 5 ? ", weight_hr" : "");
    const auto array = [&](size_t i) {
      const std::string name = direction + "[" + std::to_string(i) + "] (" + parameter_names[i] + ")";
      return i < items.size() && !items[i].is_none() ? array_of(op, name.c_str(), ArrayArg{items[i]}, dtype, "input")
                                                     : Array{};
    };
    const auto shaped = [&](size_t i, const Array& given, const Dims& shape) {
      const std::string name = direction + "[" + std::to_string(i) + "] (" + parameter_names[i] + ")";
      check_shape(op, name.c_str(), given, shape);
      parameters.push_back(contiguous(given));
    };
    const Array weight_ih = array(0), weight_hh = array(1), bias_ih = array(2), bias_hh = array(3);
    const Array weight_hr = array(4);
    check<TypeError>(weight_ih && weight_hh, op, ": ", direction, " lacks a weight");
    const int64_t gates = sizes.gates();
    if (d == 0) {
      check_rank(op, "weight_ih", weight_ih, 2);
      sizes.hidden = weight_ih.shape(0) / gates;
      check<ShapeError>(sizes.hidden > 0 && weight_ih.shape(0) % gates == 0, op, ": weight_ih has shape ",
                        weight_ih.shape(), ", expected a positive multiple of ", gates, " rows");
      if (weight_hr) {
        check_rank(op, "weight_hr", weight_hr, 2);
        sizes.projected = weight_hr.shape(0);
        check<ShapeError>(sizes.projected > 0 && sizes.projected < sizes.hidden, op, ": weight_hr has shape ",
                          weight_hr.shape(), ", expected fewer rows than hidden units, ", sizes.hidden);
      }
    }
    check<ValueError>(static_cast<bool>(bias_ih) == static_cast<bool>(bias_hh), op, ": ", direction,
                      " has one bias, expected both or none");
    check<ValueError>(static_cast<bool>(weight_hr) == (sizes.projected > 0), op,
                      ": weight_hr expected in both directions or in none");
    shaped(0, weight_ih, {gates * sizes.hidden, sizes.inputs});
    shaped(1, weight_hh, {gates * sizes.hidden, sizes.state()});
    for (const size_t i : {size_t{2}, size_t{3}}) {
      const Array& bias = i == 2 ? bias_ih : bias_hh;
      if (bias)
        shaped(i, bias, {gates * sizes.hidden});
      else
        parameters.emplace_back();
    }
    if (weight_hr)
      shaped(4, weight_hr, {sizes.projected, sizes.hidden});
    else
      parameters.emplace_back();
  }
};

// Bodies hold no pointers: each run of one points its own sizes to the rows.
RecurrentSizes sizes_with(RecurrentSizes sizes, const std::vector<int64_t>& first) {
  sizes.first = first.data();
  return sizes;
}

// The operands of a call, and where each kind of them begins in the table of addresses.
class Operands {
 public:
  size_t add(const Array& array, bool written) {
    list_.push_back(written ? write(array) : read(array));
    return list_.size() - 1;
  }
  size_t add(const std::vector<Array>& arrays, bool written) {
    const size_t at = list_.size();
    for (const Array& array : arrays) add(array, written);
    return at;
  }
  const Operand* data() const { return list_.data(); }
  size_t size() const { return list_.size(); }

 private:
  std::vector<Operand> list_;
};

template <class T>
void parameters_at(void* const* at, int directions, RecurrentParameters<T>* parameters) {
  for (int d = 0; d < directions; ++d, at += parameters_of_direction)
    parameters[d] = {in<T>(at[0]), in<T>(at[1]), in<T>(at[2]), in<T>(at[3]), in<T>(at[4])};
}
template <class T>
void saved_at(void* const* at, int directions, RecurrentSaved<T>* saved) {
  for (int d = 0; d < directions; ++d, at += saved_of_direction) saved[d] = {to<T>(at[0]), to<T>(at[1]), to<T>(at[2])};
}

// The shapes of what a direction keeps for its backward call; rank 0: nothing.
void saved_shapes(const Layer& layer, Dims (&shapes)[saved_of_direction]) {
  const RecurrentSizes& sizes = layer.sizes;
  const int64_t rows = layer.rows();
  const int64_t step =
      layer.dtype == DType::Float64 ? recurrent_gates_step<double>(sizes) : recurrent_gates_step<float>(sizes);
  if (sizes.cell == Cell::Lstm || sizes.cell == Cell::Gru) shapes[0] = {rows, step};
  if (sizes.cell == Cell::Lstm) shapes[1] = {rows, sizes.hidden};
  if (sizes.cell == Cell::Gru || sizes.projected) shapes[2] = {rows, sizes.hidden};
}

py::tuple tuple_of(const std::vector<Array>& arrays, size_t begin, size_t end) {
  py::tuple result(end - begin);
  for (size_t i = begin; i < end; ++i) result[i - begin] = or_none(arrays[i]);
  return result;
}

void run_forward(const Layer& layer, bool keep, const std::vector<Array>& saved, const Array& output,
                 const Array& hidden_n, const Array& cell_n) {
  Operands operands;
  operands.add({layer.input, layer.hidden, layer.cell}, false);
  const size_t parameters_from = operands.add(layer.parameters, false);
  const size_t results_from = operands.add({output, hidden_n, cell_n}, true);
  const size_t saved_from = operands.add(saved, true), scratch = operands.size();
  dispatch(layer.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(
        layer.op, layer.work(1), operands.data(), operands.size(),
        recurrent_forward_scratch_bytes<T>(sizes_with(layer.sizes, layer.first), keep),
        [=, given = layer.sizes, first = layer.first](void* const* at) {
          const RecurrentSizes sizes = sizes_with(given, first);
          RecurrentParameters<T> parameters[most_directions];
          RecurrentSaved<T> kept[most_directions];
          parameters_at(at + parameters_from, sizes.directions, parameters);
          if (keep) saved_at(at + saved_from, sizes.directions, kept);
          recurrent_forward<T>(sizes, in<T>(at[0]), parameters, at[scratch + 1], in<T>(at[1]), in<T>(at[2]), keep, kept,
                               to<T>(at[results_from]), to<T>(at[results_from + 1]), to<T>(at[results_from + 2]),
                               at[scratch]);
        },
        Packing{parameters_from, results_from - parameters_from,
                recurrent_packed_bytes<T>(sizes_with(layer.sizes, layer.first)),
                [=, given = layer.sizes, first = layer.first](void* const* at, void* packed) {
                  RecurrentParameters<T> parameters[most_directions];
                  parameters_at(at + parameters_from, given.directions, parameters);
                  recurrent_pack(sizes_with(given, first), parameters, packed);
                }});
  });
}

// The user's arrays for the last states, which may be those of the first ones, else new ones.
std::vector<Array> last_states(const Layer& layer, const py::object& out) {
  const bool lstm = layer.sizes.cell == Cell::Lstm;
  std::vector<Dims> shapes{layer.state_shape(layer.sizes.state())};
  if (lstm) shapes.push_back(layer.state_shape(layer.sizes.hidden));
  std::vector<Array> states;
  if (out.is_none()) {
    for (const Dims& shape : shapes) states.push_back(new_array(layer.op, layer.dtype, shape));
    return states;
  }
  const py::tuple items = items_of(layer.op, "out", out);
  check<ValueError>(items.size() == shapes.size(), layer.op, ": out has ", items.size(), " arrays, expected ",
                    shapes.size());
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string name = "out[" + std::to_string(i) + "]";
    const Array& initial = i == 0 ? layer.hidden : layer.cell;
    const Array state = output(layer.op, OptionalArray{ArrayArg{items[i]}}, layer.dtype, shapes[i], {&layer.input});
    for (const Array& parameter : layer.parameters)
      check_no_overlap(layer.op, name.c_str(), state, "a parameter", parameter);
    for (const Array* other : {&layer.hidden, &layer.cell})
      if (*other && !(other == &initial && other->view.data == state.view.data))
        check_no_overlap(layer.op, name.c_str(), state, other == &layer.hidden ? "hidden" : "cell", *other);
    if (i == 1) check_no_overlap(layer.op, name.c_str(), state, "out[0]", states[0]);
    states.push_back(state);
  }
  return states;
}

py::tuple forward(const char* op, Cell kind, const ArrayArg& input, const py::object& parameters,
                  const OptionalArray& hidden, const OptionalArray& cell, const py::object& batch_sizes, bool keep,
                  const py::object& out) {
  const Layer layer(op, kind, input, parameters, hidden, cell, batch_sizes);
  const bool lstm = kind == Cell::Lstm;
  const Array output = new_array(op, layer.dtype, layer.output_shape());
  std::vector<Array> states = last_states(layer, out);
  states.resize(2);
  const Array &hidden_n = states[0], &cell_n = states[1];
  std::vector<Array> saved;
  if (keep) {
    Dims shapes[saved_of_direction];
    saved_shapes(layer, shapes);
    for (int d = 0; d < layer.sizes.directions; ++d)
      for (const Dims& shape : shapes) saved.push_back(shape.rank ? new_array(op, layer.dtype, shape) : Array{});
  }
  run_forward(layer, keep, saved, output, hidden_n, cell_n);
  const py::tuple kept = tuple_of(saved, 0, saved.size());
  if (lstm) return py::make_tuple(output.object, hidden_n.object, cell_n.object, kept);
  return py::make_tuple(output.object, hidden_n.object, kept);
}

struct NeededGradients {
  bool input, state, parameters;
};

py::tuple backward(const char* op, Cell kind, const OptionalArray& grad_output_arg,
                   const OptionalArray& grad_hidden_arg, const OptionalArray& grad_cell_arg, const ArrayArg& input,
                   const py::object& parameter_lists, const OptionalArray& hidden, const OptionalArray& cell,
                   const ArrayArg& output_arg, const py::object& saved_list, const py::object& batch_sizes,
                   NeededGradients needed) {
  const Layer layer(op, kind, input, parameter_lists, hidden, cell, batch_sizes);
  const RecurrentSizes& sizes = layer.sizes;
  const bool lstm = kind == Cell::Lstm;
  Array grad_output = optional_array_of(op, "grad_output", grad_output_arg, layer.dtype, "input");
  if (grad_output) {
    check_shape(op, "grad_output", grad_output, layer.output_shape());
    grad_output = contiguous(grad_output);
  }
  const Array grad_hidden = layer.state_of("grad_hidden", grad_hidden_arg, sizes.state());
  const Array grad_cell = layer.state_of("grad_cell", grad_cell_arg, sizes.hidden);
  Array output = array_of(op, "output", output_arg, layer.dtype, "input");
  check_shape(op, "output", output, layer.output_shape());
  output = contiguous(output);

  const py::tuple items = items_of(op, "saved", saved_list);
  const size_t directions = static_cast<size_t>(sizes.directions);
  check<ValueError>(items.size() == saved_of_direction * directions, op, ": saved has ", items.size(),
                    " arrays, expected what the forward call gave, ", saved_of_direction * directions);
  Dims shapes[saved_of_direction];
  saved_shapes(layer, shapes);
  std::vector<Array> saved;
  for (size_t i = 0; i < items.size(); ++i) {
    const Dims& shape = shapes[i % saved_of_direction];
    if (shape.rank == 0) {
      saved.emplace_back();
      continue;
    }
    const std::string name = "saved[" + std::to_string(i) + "]";
    Array array = array_of(op, name.c_str(), ArrayArg{items[i]}, layer.dtype, "input");
    check_shape(op, name.c_str(), array, shape);
    saved.push_back(contiguous(array));
  }

  const Array grad_input = needed.input ? new_array(op, layer.dtype, layer.input.shape()) : Array{};
  const auto state = [&](bool exists, int64_t width) {
    return needed.state && exists ? new_array(op, layer.dtype, layer.state_shape(width)) : Array{};
  };
  const Array grad_hidden_0 = state(true, sizes.state()), grad_cell_0 = state(lstm, sizes.hidden);
  std::vector<Array> grads;
  for (const Array& parameter : layer.parameters)
    grads.push_back(needed.parameters && parameter ? new_array(op, layer.dtype, parameter.shape()) : Array{});

  Operands operands;
  operands.add({layer.input, layer.hidden, layer.cell, grad_output, grad_hidden, grad_cell, output}, false);
  const size_t parameters_from = operands.add(layer.parameters, false), saved_from = operands.add(saved, false);
  const size_t results_from = operands.add({grad_input, grad_hidden_0, grad_cell_0}, true);
  const size_t grads_from = operands.add(grads, true), scratch = operands.size();
  dispatch(layer.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(op, layer.work(2), operands.data(), operands.size(),
           recurrent_backward_scratch_bytes<T>(sizes_with(sizes, layer.first), needed.parameters),
           [=, given = sizes, first = layer.first](void* const* at) {
             const RecurrentSizes own = sizes_with(given, first);
             RecurrentParameters<T> parameters[most_directions];
             RecurrentSaved<T> kept[most_directions];
             parameters_at(at + parameters_from, own.directions, parameters);
             saved_at(at + saved_from, own.directions, kept);
             RecurrentGradients<T> gradients{
                 to<T>(at[results_from]), to<T>(at[results_from + 1]), to<T>(at[results_from + 2]), {}};
             for (int d = 0; d < own.directions; ++d) {
               void* const* g = at + grads_from + static_cast<size_t>(d) * parameters_of_direction;
               gradients.parameters[d] = {to<T>(g[0]), to<T>(g[1]), to<T>(g[2]), to<T>(g[3]), to<T>(g[4])};
             }
             recurrent_backward<T>(own, in<T>(at[3]), in<T>(at[4]), in<T>(at[5]), in<T>(at[0]), parameters,
                                   in<T>(at[1]), in<T>(at[2]), in<T>(at[6]), kept, gradients, at[scratch]);
           });
  });
  py::list all;
  for (size_t d = 0; d < directions; ++d)
    all.append(tuple_of(grads, d * parameters_of_direction, (d + 1) * parameters_of_direction - !lstm));
  if (lstm) return py::make_tuple(or_none(grad_input), or_none(grad_hidden_0), or_none(grad_cell_0), all);
  return py::make_tuple(or_none(grad_input), or_none(grad_hidden_0), all);
}

Cell rnn_cell(const char* op, const std::string& nonlinearity) {
  check<ValueError>(nonlinearity == "tanh" || nonlinearity == "relu", op, ": nonlinearity is '", nonlinearity,
                    "', expected 'tanh' or 'relu'");
  return nonlinearity == "tanh" ? Cell::RnnTanh : Cell::RnnRelu;
}

// What the docstrings of the three layers share; `body` begins them.
std::string forward_text(const char* body, const char* states) {
  return std::string(body) + R"(

Parameters
----------
input : numpy.ndarray
    (steps, batch, inputs), float32 or float64, any strides; with batch_sizes (rows, inputs).
parameters : sequence of sequences of numpy.ndarray
    Of one direction or of two, the second going backward in time: weight_ih (gates * hidden,
    inputs), weight_hh (gates * hidden, state), bias_ih and bias_hh (gates * hidden) or None, and of
    lstm, where the state is projected, weight_hr (state, hidden).
)" + states +
         R"(batch_sizes : sequence of int, optional
    Sequences of different lengths, longest first: of each step the number of those that reach it.
    The input has their rows only, step after step. Default: all have all steps.
keep : bool
    Whether what the backward call needs is kept. Default True.
out : sequence of numpy.ndarray, optional
    C-contiguous arrays for the last states; they may be those of the first states.

Returns
-------
tuple
    The output (steps, batch, directions * state), or (rows, ...); the last states, each like the
    first one; and a tuple of what the backward call needs.

Raises
------
DTypeError, ShapeError, TypeError, ValueError
)";
}

std::string backward_text(const char* of, const char* states) {
  return std::string("Gradients of `") + of + R"(`.

Parameters
----------
grad_output : numpy.ndarray or None
    The gradient of the output; None is zero, as of the others.
)" + states +
         R"(input, parameters, batch_sizes
    As in the forward call.
output, saved
    From the forward call.
need_input, need_state, need_parameters : bool
    Which gradients to compute. Default all.

Returns
-------
tuple
    The gradients of the input, of the first states, and a list of tuples, those of the parameters;
    None for each that is not needed or has no array.

Raises
------
DTypeError, ShapeError, TypeError, ValueError
)";
}

constexpr const char* one_state = R"(hidden : numpy.ndarray, optional
    The first states (directions, batch, state). Default zeros.
)";
constexpr const char* two_states = R"(hidden, cell : numpy.ndarray, optional
    The first states (directions, batch, state) and (directions, batch, hidden). Default zeros.
)";

}  // namespace

void bind_recurrent(py::module_& m) {
  m.def(
      "rnn_forward",
      [](const ArrayArg& input, const py::object& parameters, const OptionalArray& hidden,
         const std::string& nonlinearity, const py::object& batch_sizes, bool keep, const py::object& out) {
        constexpr const char* op = "rnn_forward";
        return forward(op, rnn_cell(op, nonlinearity), input, parameters, hidden, {}, batch_sizes, keep, out);
      },
      py::arg("input"), py::arg("parameters"), py::arg("hidden") = py::none(), py::kw_only(),
      py::arg("nonlinearity") = "tanh", py::arg("batch_sizes") = py::none(), py::arg("keep") = true,
      py::arg("out") = py::none(),
      forward_text("A recurrent layer over whole sequences: ``h = tanh(W x + b + U h + d)``, or with relu\n"
                   "(J. Elman, \"Finding structure in time\", 1990).",
                   one_state)
          .c_str());
  m.def(
      "rnn_backward",
      [](const OptionalArray& grad_output, const OptionalArray& grad_hidden, const ArrayArg& input,
         const py::object& parameters, const OptionalArray& hidden, const ArrayArg& output, const py::object& saved,
         const std::string& nonlinearity, const py::object& batch_sizes, bool need_input, bool need_state,
         bool need_parameters) {
        constexpr const char* op = "rnn_backward";
        return backward(op, rnn_cell(op, nonlinearity), grad_output, grad_hidden, {}, input, parameters, hidden, {},
                        output, saved, batch_sizes, {need_input, need_state, need_parameters});
      },
      py::arg("grad_output"), py::arg("grad_hidden"), py::arg("input"), py::arg("parameters"), py::arg("hidden"),
      py::arg("output"), py::arg("saved"), py::kw_only(), py::arg("nonlinearity") = "tanh",
      py::arg("batch_sizes") = py::none(), py::arg("need_input") = true, py::arg("need_state") = true,
      py::arg("need_parameters") = true,
      backward_text("rnn_forward", "grad_hidden : numpy.ndarray or None\n    Of the last states.\n").c_str());
  m.def(
      "gru_forward",
      [](const ArrayArg& input, const py::object& parameters, const OptionalArray& hidden,
         const py::object& batch_sizes, bool keep, const py::object& out) {
        return forward("gru_forward", Cell::Gru, input, parameters, hidden, {}, batch_sizes, keep, out);
      },
      py::arg("input"), py::arg("parameters"), py::arg("hidden") = py::none(), py::kw_only(),
      py::arg("batch_sizes") = py::none(), py::arg("keep") = true, py::arg("out") = py::none(),
      forward_text("A layer of gated recurrent units over whole sequences, gates r, z, n in this order, the state's\n"
                   "product taken before the reset (K. Cho et al., EMNLP 2014):\n"
                   "``n = tanh(W x + b + r * (U h + d))``, ``h = (1 - z) * n + z * h``.",
                   one_state)
          .c_str());
  m.def(
      "gru_backward",
      [](const OptionalArray& grad_output, const OptionalArray& grad_hidden, const ArrayArg& input,
         const py::object& parameters, const OptionalArray& hidden, const ArrayArg& output, const py::object& saved,
         const py::object& batch_sizes, bool need_input, bool need_state, bool need_parameters) {
        return backward("gru_backward", Cell::Gru, grad_output, grad_hidden, {}, input, parameters, hidden, {}, output,
                        saved, batch_sizes, {need_input, need_state, need_parameters});
      },
      py::arg("grad_output"), py::arg("grad_hidden"), py::arg("input"), py::arg("parameters"), py::arg("hidden"),
      py::arg("output"), py::arg("saved"), py::kw_only(), py::arg("batch_sizes") = py::none(),
      py::arg("need_input") = true, py::arg("need_state") = true, py::arg("need_parameters") = true,
      backward_text("gru_forward", "grad_hidden : numpy.ndarray or None\n    Of the last states.\n").c_str());
  m.def(
      "lstm_forward",
      [](const ArrayArg& input, const py::object& parameters, const OptionalArray& hidden, const OptionalArray& cell,
         const py::object& batch_sizes, bool keep, const py::object& out) {
        return forward("lstm_forward", Cell::Lstm, input, parameters, hidden, cell, batch_sizes, keep, out);
      },
      py::arg("input"), py::arg("parameters"), py::arg("hidden") = py::none(), py::arg("cell") = py::none(),
      py::kw_only(), py::arg("batch_sizes") = py::none(), py::arg("keep") = true, py::arg("out") = py::none(),
      forward_text("A layer of long short-term memory over whole sequences, gates i, f, g, o in this order:\n"
                   "``c = f * c + i * g``, ``h = o * tanh(c)``, or ``weight_hr`` times it (S. Hochreiter,\n"
                   "J. Schmidhuber, 1997; H. Sak et al., arXiv 1402.1128).",
                   two_states)
          .c_str());
  m.def(
      "lstm_backward",
      [](const OptionalArray& grad_output, const OptionalArray& grad_hidden, const OptionalArray& grad_cell,
         const ArrayArg& input, const py::object& parameters, const OptionalArray& hidden, const OptionalArray& cell,
         const ArrayArg& output, const py::object& saved, const py::object& batch_sizes, bool need_input,
         bool need_state, bool need_parameters) {
        return backward("lstm_backward", Cell::Lstm, grad_output, grad_hidden, grad_cell, input, parameters, hidden,
                        cell, output, saved, batch_sizes, {need_input, need_state, need_parameters});
      },
      py::arg("grad_output"), py::arg("grad_hidden"), py::arg("grad_cell"), py::arg("input"), py::arg("parameters"),
      py::arg("hidden"), py::arg("cell"), py::arg("output"), py::arg("saved"), py::kw_only(),
      py::arg("batch_sizes") = py::none(), py::arg("need_input") = true, py::arg("need_state") = true,
      py::arg("need_parameters") = true,
      backward_text("lstm_forward", "grad_hidden, grad_cell : numpy.ndarray or None\n    Of the last states.\n")
          .c_str());
}

}  // namespace cygnet
