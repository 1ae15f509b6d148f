#include "families.h"
#include "kernels/sampling.h"
#include "launch.h"
#include "random_cell.h"

namespace cygnet {
namespace {

double bytes_of(const Array& array) {
  return static_cast<double>(array.count()) * static_cast<double>(item_size(array.dtype()));
}

// A new array drawn element by element: draw(state, from, to) after check(from), which throws.
template <class Check, class Draw>
py::object drawn(const char* op, const char* name, const ArrayArg& input_arg, const ArrayArg& cell_arg, double flops,
                 const Check& check_input, const Draw& draw) {
  const Array input = contiguous(float_array(op, name, input_arg));
  const Array cell = cell_array(op, cell_arg);
  check_no_overlap(op, "cell", cell, name, input);
  check<ValueError>(input.count() < int64_t{1} << 40, op, ": ", name, " has ", input.count(),
                    " elements, expected fewer than 2^40");
  const Array result = new_array(op, input.dtype(), input.shape());
  const int64_t count = input.count();
  dispatch(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {flops * static_cast<double>(count), 2 * bytes_of(input)}, {read(input), write(cell), write(result)}, 0,
           [=](void* const* at) {
             check_input(in<T>(at[0]), count);
             draw(next_draw(to<int64_t>(at[1])), in<T>(at[0]), to<T>(at[2]), count);
           });
  });
  return result.object;
}

py::object bernoulli_binding(const ArrayArg& p, const ArrayArg& cell) {
  static constexpr const char* op = "bernoulli";
  return drawn(
      op, "p", p, cell, 8,
      [](const auto* values, int64_t count) {
        const int64_t wrong = first_no_probability(values, count);
        if (wrong >= 0)
          throw ValueError(message(op, ": p has ", values[wrong], " at element ", wrong, ", expected 0 <= p <= 1"));
      },
      [](RandomState state, const auto* from, auto* to, int64_t count) { bernoulli(state, from, to, count); });
}

py::object poisson_binding(const ArrayArg& rate, const ArrayArg& cell) {
  static constexpr const char* op = "poisson";
  return drawn(
      op, "rate", rate, cell, 200,
      [](const auto* values, int64_t count) {
        const int64_t wrong = first_no_rate(values, count);
        if (wrong >= 0)
          throw ValueError(message(op, ": rate has ", values[wrong], " at element ", wrong,
                                   ", expected a finite number of at least 0"));
      },
      [](RandomState state, const auto* from, auto* to, int64_t count) { poisson(state, from, to, count); });
}

py::object multinomial_binding(const ArrayArg& weights_arg, const ArrayArg& cell_arg, int64_t samples,
                               bool replacement) {
  constexpr const char* op = "multinomial";
  const Array weights = contiguous(float_array(op, "weights", weights_arg));
  check_rank(op, "weights", weights, 2);
  const Array cell = cell_array(op, cell_arg);
  check_no_overlap(op, "cell", cell, "weights", weights);
  const MultinomialSizes sizes{weights.shape(0), weights.shape(1), samples, replacement};
  check<ShapeError>(sizes.classes > 0, op, ": weights has shape ", weights.shape(), ", expected at least one class");
  check<ValueError>(samples > 0, op, ": samples is ", samples, ", expected at least 1");
  check<ValueError>(replacement || samples <= sizes.classes, op, ": samples is ", samples, ", expected at most ",
                    sizes.classes, ", the number of classes, without replacement");
  const Array result = new_array(op, DType::Int64, {sizes.rows, samples});
  check<ValueError>(weights.count() < int64_t{1} << 40 && result.count() < int64_t{1} << 40, op,
                    ": more than 2^40 numbers are drawn");
  dispatch(weights.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(op, {20.0 * static_cast<double>(weights.count() + result.count()), bytes_of(weights) + bytes_of(result)},
           {read(weights), write(cell), write(result)}, multinomial_scratch_bytes(sizes), [=](void* const* at) {
             const int64_t wrong = first_no_distribution(in<T>(at[0]), sizes.rows, sizes.classes);
             if (wrong >= 0)
               throw ValueError(message(op, ": weights[", wrong,
                                        "] is no distribution, expected finite numbers of at least 0, one above 0"));
             multinomial(next_draw(to<int64_t>(at[1])), in<T>(at[0]), sizes, to<int64_t>(at[2]), at[3]);
           });
  });
  return result.object;
}

}  // namespace

void bind_sampling(py::module_& m) {
  m.def("bernoulli", &bernoulli_binding, py::arg("p"), py::arg("cell"),
        R"(Ones with the given probabilities, else zeros.

Parameters
----------
p : numpy.ndarray
    Any shape, float32 or float64, each 0 to 1.
cell : numpy.ndarray
    Writeable int64 (2,): (key, draw); every run counts draw up by one.

Returns
-------
numpy.ndarray
    Of p's shape and type.

Raises
------
DTypeError, ValueError
)");
  m.def("poisson", &poisson_binding, py::arg("rate"), py::arg("cell"),
        R"(Numbers of the Poisson distributions with the given means.

Parameters
----------
rate : numpy.ndarray
    Any shape, float32 or float64, each finite and at least 0.
cell : numpy.ndarray
    Writeable int64 (2,): (key, draw); every run counts draw up by one.

Returns
-------
numpy.ndarray
    Of rate's shape and type.

Raises
------
DTypeError, ValueError
)");
  m.def("multinomial", &multinomial_binding, py::arg("weights"), py::arg("cell"), py::arg("samples"),
        py::arg("replacement") = false,
        R"(Classes drawn in proportion to the weights of each row.

Parameters
----------
weights : numpy.ndarray
    (rows, classes), float32 or float64: finite, at least 0, one above 0 in every row.
cell : numpy.ndarray
    Writeable int64 (2,): (key, draw); every run counts draw up by one.
samples : int
    How many are drawn from each row.
replacement : bool
    Whether a class can be drawn again. Default False: then samples <= classes, and classes of weight 0 come last.

Returns
-------
numpy.ndarray
    int64 (rows, samples).

Raises
------
ShapeError, DTypeError, ValueError
)");
}

}  // namespace cygnet
