#include <algorithm>
#include <cstring>

#include "families.h"
#include "kernels/elementwise.h"
#include "launch.h"

namespace cygnet {
namespace {

// The element types that an operation has loops for, as a message lists them.
struct Supported {
  const ElementwiseOp& op;
  friend std::ostream& operator<<(std::ostream& out, const Supported& supported) {
    int total = 0, written = 0;
    for (const ElementwiseLoop loop : supported.op.loop) total += loop != nullptr;
    for (int i = 0; i < dtype_count; ++i) {
      if (!supported.op.loop[i]) continue;
      if (written) out << (written + 1 == total ? " or " : ", ");
      out << name_of(static_cast<DType>(i));
      ++written;
    }
    return out;
  }
};

ElementwiseLoop loop_for(const char* name, const char* argument, const ElementwiseOp& op, DType dtype) {
  const ElementwiseLoop loop = op.loop[static_cast<size_t>(dtype)];
  check<DTypeError>(loop != nullptr, name, ": ", argument, " has dtype ", name_of(dtype), ", expected ", Supported{op});
  return loop;
}

// Strides of an array of another element size in the memory order of `view`; false where that is not dense.
bool dense_strides(const ArrayView& view, size_t item, Dims& strides) {
  if (view.contiguous()) {
    strides = contiguous_strides(view.shape, item);
    return true;
  }
  if (!view.aligned()) return false;
  int order[max_rank], n = 0;
  strides.rank = view.rank();
  for (int i = 0; i < view.rank(); ++i) {
    strides[i] = static_cast<int64_t>(item);
    if (view.shape[i] > 1) order[n++] = i;
  }
  sort_axes(order, n, [&](int a, int b) { return view.strides[a] < view.strides[b]; });
  int64_t step = 1;
  for (int i = 0; i < n; ++i) {
    if (view.strides[order[i]] != step * static_cast<int64_t>(item_size(view.dtype))) return false;
    strides[order[i]] = step * static_cast<int64_t>(item);
    step *= view.shape[order[i]];
  }
  return true;
}

bool same_memory(const ArrayView& a, const ArrayView& b) {
  return a.data == b.data && a.dtype == b.dtype && a.shape == b.shape && a.has_strides(b.strides);
}

// The array that the result goes to: `out` after all checks, else a new one in the memory order of the first dense
// input of the full shape.
Array result_array(const char* name, const OptionalArray& out_arg, DType dtype, const Dims& shape, const Array* inputs,
                   const char* const* names, int count) {
  if (!out_arg) {
    Dims strides;
    for (int i = 0; i < count; ++i)
      if (inputs[i].shape() == shape && dense_strides(inputs[i].view, item_size(dtype), strides))
        return new_array_strided(name, dtype, shape, strides);
    return new_array(name, dtype, shape);
  }
  Array out = array_of(name, "out", *out_arg, dtype);
  check_shape(name, "out", out, shape);
  check_writeable(name, "out", out);
  Dims unused;
  check<ValueError>(dense_strides(out.view, item_size(dtype), unused), name, ": out must be dense and aligned");
  for (int i = 0; i < count; ++i)
    if (!same_memory(out.view, inputs[i].view)) check_no_overlap(name, "out", out, names[i], inputs[i]);
  return out;
}

// Operands whose object is empty stand for the constant, whose bytes travel with the call.
py::object run(const char* name, const ElementwiseOp& op, ElementwiseLoop loop, ElementwiseParameters parameters,
               Array* inputs, const char* const* names, const OptionalArray& out_arg, uint64_t constant = 0) {
  Dims shape = inputs[0].shape();
  bool alike = true;
  for (int i = 1; i < op.inputs; ++i) alike &= inputs[i].shape() == shape;
  if (!alike) {
    shape.rank = 0;
    for (int i = 0; i < op.inputs; ++i) shape.rank = std::max(shape.rank, inputs[i].rank());
    for (int axis = 0; axis < shape.rank; ++axis) {
      int64_t size = 1;
      for (int i = 0; i < op.inputs; ++i) {
        const int own = axis - shape.rank + inputs[i].rank();
        if (own < 0 || inputs[i].shape(own) == 1) continue;
        if (size != 1 && size != inputs[i].shape(own)) {
          const int last = op.inputs - 1;
          throw ShapeError(message(name, ": ", names[last - 1], " has shape ", inputs[last - 1].shape(), ", ",
                                   names[last], " has shape ", inputs[last].shape(),
                                   op.inputs == 3 ? message(", ", names[0], " has shape ", inputs[0].shape()) : "",
                                   "; they do not broadcast"));
        }
        size = inputs[i].shape(own);
      }
      shape[axis] = size;
    }
  }
  const DType dtype = op.gives_bool ? DType::Bool : inputs[op.inputs - 1].dtype();
  element_count(name, shape, item_size(dtype));
  const Array out = result_array(name, out_arg, dtype, shape, inputs, names, op.inputs);

  ElementwisePlan plan;
  plan.loop = loop;
  plan.parameters = parameters;
  plan.cost = op.cost;
  ArrayView views[max_elementwise_inputs];
  int constant_index = -1;
  Operand operands[max_elementwise_inputs + 1];
  double bytes = static_cast<double>(out.count()) * static_cast<double>(item_size(dtype));
  for (int i = 0; i < op.inputs; ++i) {
    ArrayView& view = views[i];
    view.data = inputs[i].view.data;
    view.dtype = inputs[i].dtype();
    view.shape.rank = view.strides.rank = shape.rank;
    for (int axis = 0; axis < shape.rank; ++axis) {
      const int own = axis - shape.rank + inputs[i].rank();
      view.shape[axis] = shape[axis];
      view.strides[axis] = own < 0 || inputs[i].shape(own) == 1 ? 0 : inputs[i].view.strides[own];
    }
    if (!inputs[i]) constant_index = i;
    operands[i] = read(inputs[i]);
    bytes += static_cast<double>(inputs[i].count()) * static_cast<double>(item_size(view.dtype));
  }
  operands[op.inputs] = write(out);
  plan_axes(views, op.inputs, out.view, plan);
  const int64_t count = out.count();
  const Work work{op.cost * static_cast<double>(count), bytes};
  const size_t operand_count = static_cast<size_t>(op.inputs) + 1;
  if (plan.flat() && !plan.large() && constant_index < 0) {
    struct Items {
      int64_t of[max_elementwise_inputs + 1];
    } items;
    std::memcpy(items.of, plan.item, sizeof(items.of));
    const int input_count = op.inputs;
    const double cost = op.cost;
    const auto body = [=](ElementwiseLoop loop) {
      return [=](void* const* at) {
        elementwise_flat(loop, parameters, cost, input_count, items.of, count, at, at[input_count]);
      };
    };
    launch(name, work, operands, operand_count, 0, body(loop));
    if (Recording* const recording = Recording::current()) {
      Call& call = recording->calls.back();
      call.in_place =
          std::all_of(items.of, items.of + input_count, [&](int64_t item) { return item == items.of[input_count]; });
      const ElementwiseLoop with_relu = elementwise_op("add_relu").loop[static_cast<size_t>(dtype)];
      if (std::strcmp(name, "add") == 0 && with_relu)
        call.joined = [=](const Call& after) {
          return std::strcmp(after.op, "relu") == 0 ? Joined{body(with_relu)} : Joined{};
        };
    }
  } else {
    launch(name, work, operands, operand_count, 0, [plan, constant, constant_index](void* const* at) {
      const void* from[max_elementwise_inputs];
      for (int i = 0; i < plan.inputs; ++i) from[i] = i == constant_index ? &constant : at[i];
      elementwise(plan, from, at[plan.inputs]);
    });
  }
  return out.object;
}

bool is_number(py::handle object) {
  return PyFloat_Check(object.ptr()) || PyLong_Check(object.ptr());  // a bool is an int
}

// A Python number as a 0-d operand without memory of its own: its bytes in the type of the other operand.
Array number(const char* op, const char* name, py::handle object, DType dtype, uint64_t& constant) {
  const auto store = [&](auto value) { std::memcpy(&constant, &value, sizeof(value)); };
  if (dtype == DType::Float32 || dtype == DType::Float64) {
    const double value = PyFloat_AsDouble(object.ptr());
    if (value == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      throw ValueError(message(op, ": ", name, " does not fit ", name_of(dtype)));
    }
    if (dtype == DType::Float64)
      store(value);
    else
      store(static_cast<float>(value));
  } else {
    check<DTypeError>(PyLong_Check(object.ptr()), op, ": ", name, " is a float, expected ", name_of(dtype),
                      ", the type of the other operand");
    int overflow = 0;
    const int64_t value = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
    const bool fits = dtype == DType::Int64   ? true
                      : dtype == DType::Int32 ? value >= INT32_MIN && value <= INT32_MAX
                      : dtype == DType::UInt8 ? value >= 0 && value <= 255
                                              : value == 0 || value == 1;
    check<ValueError>(!overflow && fits, op, ": ", name, " does not fit ", name_of(dtype),
                      ", the type of the other operand");
    if (dtype == DType::Int64)
      store(value);
    else if (dtype == DType::Int32)
      store(static_cast<int32_t>(value));
    else
      store(static_cast<uint8_t>(value));
  }
  Array result;
  result.view.dtype = dtype;
  return result;
}

// The two last inputs of an operation: arrays of one type, or one array and a Python number.
void load_pair(const char* op, const char* const* names, const ArrayArg* args, Array* inputs, uint64_t& constant) {
  if (is_number(args[0].object)) {
    inputs[1] = any_array(op, names[1], args[1]);
    inputs[0] = number(op, names[0], args[0].object, inputs[1].dtype(), constant);
  } else {
    inputs[0] = any_array(op, names[0], args[0]);
    inputs[1] = is_number(args[1].object) ? number(op, names[1], args[1].object, inputs[0].dtype(), constant)
                                          : array_of(op, names[1], args[1], inputs[0].dtype(), names[0]);
  }
}

py::object binary(const char* name, const ElementwiseOp& op, const ArrayArg& a, const ArrayArg& b,
                  const OptionalArray& out) {
  static constexpr const char* names[] = {"a", "b"};
  const ArrayArg args[] = {a, b};
  Array inputs[2];
  uint64_t constant = 0;
  load_pair(name, names, args, inputs, constant);
  const ElementwiseLoop loop = loop_for(name, "a", op, inputs[0].dtype());
  return run(name, op, loop, {}, inputs, names, out, constant);
}

py::object unary(const char* name, const ElementwiseOp& op, const ArrayArg& input, ElementwiseParameters parameters,
                 const OptionalArray& out) {
  static constexpr const char* names[] = {"input"};
  Array inputs[1] = {any_array(name, "input", input)};
  const ElementwiseLoop loop = loop_for(name, "input", op, inputs[0].dtype());
  return run(name, op, loop, parameters, inputs, names, out);
}

py::object backward(const char* name, const ElementwiseOp& op, const char* saved, const ArrayArg& grad,
                    const ArrayArg& value, ElementwiseParameters parameters, const OptionalArray& out) {
  const char* const names[] = {"grad_output", saved};
  Array inputs[2];
  inputs[0] = float_array(name, names[0], grad);
  inputs[1] = array_of(name, names[1], value, inputs[0].dtype(), names[0]);
  check_shape(name, names[1], inputs[1], inputs[0].shape());
  const ElementwiseLoop loop = loop_for(name, names[0], op, inputs[0].dtype());
  return run(name, op, loop, parameters, inputs, names, out);
}

// An operation that divides: a zero among the divisors is an error for integers, found on every run.
py::object division(const char* name, const ElementwiseOp& op, const ArrayArg& a, const ArrayArg& b,
                    const OptionalArray& out) {
  const bool number_over = is_number(b.object);
  const Array divisor = number_over ? any_array(name, "a", a) : any_array(name, "b", b);
  if (divisor.dtype() != DType::Float32 && divisor.dtype() != DType::Float64) {
    constexpr const char* problem = ": b contains 0; integers cannot be divided by it";
    if (number_over) {
      check<ValueError>(PyObject_IsTrue(b.object.ptr()) != 0, name, problem);
    } else {
      const Array dense_divisor = dense(divisor);
      const size_t item = item_size(divisor.dtype());
      launch(name, {0, static_cast<double>(divisor.count()) * static_cast<double>(item)}, {read(dense_divisor)}, 0,
             [=, count = divisor.count()](void* const* at) {
               const char* const bytes = static_cast<const char*>(at[0]);
               const char zero[8] = {};
               for (int64_t i = 0; i < count; ++i)
                 check<ValueError>(std::memcmp(bytes + i * static_cast<int64_t>(item), zero, item) != 0, name, problem);
             });
    }
  }
  return binary(name, op, a, b, out);
}

// An exponent that is a Python number and has an exact form becomes that form.
py::object pow_binding(const ArrayArg& a, const ArrayArg& b, const OptionalArray& out) {
  static const struct {
    double exponent;
    const ElementwiseOp& op;
  } forms[] = {{2, elementwise_op("square")},      {3, elementwise_op("cube")},     {0.5, elementwise_op("sqrt")},
               {-1, elementwise_op("reciprocal")}, {1, elementwise_op("identity")}, {0, elementwise_op("one")}};
  static const ElementwiseOp& general = elementwise_op("pow");
  if (is_number(b.object) && !is_number(a.object)) {
    const double exponent = PyFloat_AsDouble(b.object.ptr());
    if (exponent == -1 && PyErr_Occurred()) PyErr_Clear();
    for (const auto& form : forms) {
      static constexpr const char* names[] = {"a"};
      Array inputs[1] = {any_array("pow", "a", a)};
      if (exponent != form.exponent || !form.op.loop[static_cast<size_t>(inputs[0].dtype())]) continue;
      const ElementwiseLoop loop = loop_for("pow", "a", form.op, inputs[0].dtype());
      return run("pow", form.op, loop, {}, inputs, names, out);
    }
  }
  return binary("pow", general, a, b, out);
}

py::object where_binding(const ArrayArg& condition, const ArrayArg& a, const ArrayArg& b, const OptionalArray& out) {
  static constexpr const char* names[] = {"condition", "a", "b"};
  static const ElementwiseOp& op = elementwise_op("where");
  Array inputs[3];
  inputs[0] = array_of("where", "condition", condition, DType::Bool);
  uint64_t constant = 0;
  const ArrayArg args[] = {a, b};
  load_pair("where", names + 1, args, inputs + 1, constant);
  return run("where", op, loop_for("where", "a", op, inputs[1].dtype()), {}, inputs, names, out, constant);
}

constexpr const char* unary_tail = R"(

Parameters
----------
input : numpy.ndarray
    Any shape and strides; see `Raises` for the types.
out : numpy.ndarray, optional
    Dense array of the result's shape and type. It may be `input` itself, and shares memory with nothing else.

Returns
-------
numpy.ndarray
    Of the input's shape and type, in the input's memory order where that is dense.

Raises
------
DTypeError, ShapeError, ValueError
    An integer where the function is defined on float32 and float64 only; a wrong `out`.
)";
constexpr const char* binary_tail = R"(

Parameters
----------
a, b : numpy.ndarray or a Python number
    Arrays of one type whose shapes broadcast; a number takes the type of the other operand, which is an array.
out : numpy.ndarray, optional
    Dense array of the result's shape and type. It may be exactly one of the inputs, and shares memory with no other.

Returns
-------
numpy.ndarray
    Of the broadcast shape, in the memory order of the first dense input of that shape.

Raises
------
DTypeError, ShapeError, ValueError, TypeError
)";
constexpr const char* backward_tail = R"(

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the result, float32 or float64.
output, input : numpy.ndarray
    The forward call's result or input, of the shape and type of `grad_output`.
out : numpy.ndarray, optional
    Dense array for the result; it may be exactly one of the inputs.

Returns
-------
numpy.ndarray
    The gradient of the input.

Raises
------
DTypeError, ShapeError, ValueError
)";

// One argument of an operation's parameters.
template <class>
using Number = double;

template <class... Default>
void bind_unary(py::module_& m, const char* name, const char* summary, const Default&... parameters) {
  m.def(
      name,
      [name, op = &elementwise_op(name)](const ArrayArg& input, Number<Default>... numbers, const OptionalArray& out) {
        return unary(name, *op, input, {numbers...}, out);
      },
      py::arg("input"), parameters..., py::kw_only(), py::arg("out") = py::none(),
      (std::string(summary) + unary_tail).c_str());
}

template <class Call>
void bind_pairs(py::module_& m, const char* name, const char* summary, Call call) {
  m.def(
      name,
      [name, call, op = &elementwise_op(name)](const ArrayArg& a, const ArrayArg& b, const OptionalArray& out) {
        return call(name, *op, a, b, out);
      },
      py::arg("a"), py::arg("b"), py::kw_only(), py::arg("out") = py::none(),
      (std::string(summary) + binary_tail).c_str());
}

void bind_binary(py::module_& m, const char* name, const char* summary) { bind_pairs(m, name, summary, binary); }
void bind_division(py::module_& m, const char* name, const char* summary) { bind_pairs(m, name, summary, division); }

// `saved` is "input" or "output", what the gradient is computed from.
template <class... Default>
void bind_backward(py::module_& m, const char* name, const char* saved, const char* summary,
                   const Default&... parameters) {
  m.def(
      name,
      [name, saved, op = &elementwise_op(name)](const ArrayArg& grad, const ArrayArg& value, Number<Default>... numbers,
                                                const OptionalArray& out) {
        return backward(name, *op, saved, grad, value, {numbers...}, out);
      },
      py::arg("grad_output"), py::arg(saved), parameters..., py::kw_only(), py::arg("out") = py::none(),
      (std::string(summary) + backward_tail).c_str());
}

// GELU has two formulas; `forms` lists the operation of each.
const ElementwiseOp& gelu_form(const char* op, const std::string& approximate, const char* exact, const char* by_tanh) {
  check<ValueError>(approximate == "none" || approximate == "tanh", op, ": approximate is '", approximate,
                    "', expected 'none' or 'tanh'");
  return elementwise_op(approximate == "none" ? exact : by_tanh);
}

void bind_gelu(py::module_& m) {
  m.def(
      "gelu",
      [](const ArrayArg& input, const std::string& approximate, const OptionalArray& out) {
        return unary("gelu", gelu_form("gelu", approximate, "gelu", "gelu_tanh"), input, {}, out);
      },
      py::arg("input"), py::arg("approximate") = "none", py::kw_only(), py::arg("out") = py::none(),
      (std::string("``input * P(X < input)`` for a standard normal X; with approximate='tanh',\n"
                   "``input / 2 * (1 + tanh(sqrt(2 / pi) * (input + 0.044715 * input ** 3)))``. float32 or float64.") +
       unary_tail)
          .c_str());
  m.def(
      "gelu_backward",
      [](const ArrayArg& grad, const ArrayArg& input, const std::string& approximate, const OptionalArray& out) {
        const ElementwiseOp& op = gelu_form("gelu_backward", approximate, "gelu_backward", "gelu_tanh_backward");
        return backward("gelu_backward", op, "input", grad, input, {}, out);
      },
      py::arg("grad_output"), py::arg("input"), py::arg("approximate") = "none", py::kw_only(),
      py::arg("out") = py::none(), (std::string("Gradient of `gelu`.") + backward_tail).c_str());
}

}  // namespace

void bind_elementwise(py::module_& m) {
  bind_binary(m, "add", "``a + b``. Any type; integers wrap around, bools are joined by or.");
  bind_binary(m, "sub", "``a - b``. Any type but bool; integers wrap around.");
  bind_binary(m, "mul", "``a * b``. Any type; integers wrap around, bools are joined by and.");
  bind_binary(m, "div", "``a / b``. float32 or float64.");
  bind_binary(m, "maximum", "The larger of a and b, NaN if either is. Any type.");
  bind_binary(m, "minimum", "The smaller of a and b, NaN if either is. Any type.");
  m.def(
      "pow", &pow_binding, py::arg("a"), py::arg("b"), py::kw_only(), py::arg("out") = py::none(),
      (std::string("``a ** b``. Any type but bool; integers wrap around, and a negative exponent rounds to zero. Of\n"
                   "floats, the exponents 2, 3, 0.5, -1, 1 and 0 given as Python numbers are computed as products, a\n"
                   "square root (NaN for -inf, as PyTorch), a quotient.") +
       binary_tail)
          .c_str());
  bind_binary(m, "fmax", "The larger of a and b, the number beside a NaN. float32 or float64.");
  bind_binary(m, "fmin", "The smaller of a and b, the number beside a NaN. float32 or float64.");
  bind_binary(m, "copysign", "The magnitude of a with the sign of b. float32 or float64.");
  bind_binary(m, "atan2", "The angle of the point (b, a), in (-pi, pi]. float32 or float64.");
  bind_binary(m, "hypot", "``sqrt(a ** 2 + b ** 2)``, without overflow. float32 or float64.");
  bind_binary(m, "logaddexp", "``log(exp(a) + exp(b))``, without overflow. float32 or float64.");
  bind_division(m, "fmod", "The rest of a / b, with the sign of a. Any type but bool.");
  bind_division(m, "remainder", "The rest of a / b, with the sign of b, as Python's. Any type but bool.");
  bind_division(m, "floor_divide", "a / b rounded down, as Python's. Any type but bool.");
  bind_division(m, "trunc_divide", "a / b rounded to zero. Any type but bool.");
  bind_binary(m, "bitwise_and", "The bits that both have. int32, int64, uint8 or bool.");
  bind_binary(m, "bitwise_or", "The bits that either has. int32, int64, uint8 or bool.");
  bind_binary(m, "bitwise_xor", "The bits that one has. int32, int64, uint8 or bool.");
  bind_binary(m, "left_shift", "The bits of a, b places up; 0 for b out of range. int32, int64 or uint8.");
  bind_binary(m, "right_shift",
              "The bits of a, b places down, with its sign; only that for b out of range. int32, int64 or uint8.");
  bind_binary(m, "gcd", "The greatest common divisor, 0 of zeros. int32, int64 or uint8.");
  bind_binary(m, "lcm", "The least common multiple; it wraps around. int32, int64 or uint8.");
  bind_binary(m, "nextafter", "The next number from a towards b. float32 or float64.");
  bind_binary(m, "igamma", "The regularised gamma function of a below b. float32 or float64.");
  bind_binary(m, "igammac", "The regularised gamma function of a above b. float32 or float64.");
  bind_binary(m, "zeta", "The sum of ``(b + k) ** -a`` over k = 0, 1, ... float32 or float64.");
  bind_unary(m, "bitwise_not", "The bits that the input has not. int32, int64, uint8 or bool.");
  bind_binary(m, "eq", "``a == b`` as bool; any type.");
  bind_binary(m, "ne", "``a != b`` as bool; any type.");
  bind_binary(m, "lt", "``a < b`` as bool; any type.");
  bind_binary(m, "le", "``a <= b`` as bool; any type.");
  bind_binary(m, "gt", "``a > b`` as bool; any type.");
  bind_binary(m, "ge", "``a >= b`` as bool; any type.");
  bind_binary(m, "logical_and", "Whether both are true; bool.");
  bind_binary(m, "logical_or", "Whether one is true; bool.");
  bind_unary(m, "logical_not", "Whether the input is false; bool.");
  bind_binary(m, "prelu", "``a`` where positive, else ``a * b``. float32 or float64.");
  bind_unary(m, "neg", "``-input``. Any type but bool.");
  bind_unary(m, "abs", "The magnitude. Any type but bool.");
  bind_unary(m, "sign", "-1, 0 or 1, 0 of NaN. Any type but bool.");
  bind_unary(m, "square", "``input * input``. float32 or float64.");
  bind_unary(m, "reciprocal", "``1 / input``. float32 or float64.");
  bind_unary(m, "exp", "The exponential; at most 2 ULP from exact in float32.");
  bind_unary(m, "expm1", "``exp(input) - 1``; at most 4 ULP from exact in float32.");
  bind_unary(m, "log", "The natural logarithm; at most 4 ULP from exact in float32.");
  bind_unary(m, "log1p", "``log(1 + input)``; at most 4 ULP from exact in float32.");
  bind_unary(m, "sqrt", "The square root, correctly rounded.");
  bind_unary(m, "rsqrt", "``1 / sqrt(input)``. float32 or float64.");
  bind_unary(m, "sin", "The sine; at most 4 ULP from exact in float32.");
  bind_unary(m, "cos", "The cosine; at most 4 ULP from exact in float32.");
  bind_unary(m, "tan", "The tangent. float32 or float64.");
  bind_unary(m, "asin", "The arcsine: NaN outside [-1, 1]. float32 or float64.");
  bind_unary(m, "acos", "The arccosine: NaN outside [-1, 1]. float32 or float64.");
  bind_unary(m, "atan", "The arctangent. float32 or float64.");
  bind_unary(m, "sinh", "The hyperbolic sine. float32 or float64.");
  bind_unary(m, "cosh", "The hyperbolic cosine. float32 or float64.");
  bind_unary(m, "asinh", "The inverse of `sinh`. float32 or float64.");
  bind_unary(m, "acosh", "The inverse of `cosh`: NaN below 1. float32 or float64.");
  bind_unary(m, "atanh", "The inverse of `tanh`: NaN outside [-1, 1]. float32 or float64.");
  bind_unary(m, "exp2", "2 to the power of the input. float32 or float64.");
  bind_unary(m, "log2", "The logarithm to base 2. float32 or float64.");
  bind_unary(m, "log10", "The logarithm to base 10. float32 or float64.");
  bind_unary(m, "erfc", "``1 - erf(input)``, without cancellation. float32 or float64.");
  bind_unary(m, "erfinv", "The inverse of `erf`: NaN outside [-1, 1]. float32 or float64.");
  bind_unary(m, "lgamma", "The logarithm of the magnitude of the gamma function. float32 or float64.");
  bind_unary(m, "digamma", "The derivative of `lgamma`. float32 or float64.");
  bind_unary(m, "polygamma", "The n-th derivative of `digamma`, n a whole number >= 0. float32 or float64.",
             py::arg("n"));
  bind_unary(m, "erfcx", "``exp(input ** 2) * erfc(input)``, without overflow above 0. float32 or float64.");
  bind_unary(m, "i0", "The modified Bessel function of order 0. float32 or float64.");
  bind_unary(m, "i0e", "``exp(-abs(input)) * i0(input)``. float32 or float64.");
  bind_unary(m, "i1", "The modified Bessel function of order 1. float32 or float64.");
  bind_unary(m, "i1e", "``exp(-abs(input)) * i1(input)``. float32 or float64.");
  bind_unary(m, "frexp_mantissa", "The mantissa in [0.5, 1), with the sign. float32 or float64.");
  bind_unary(m, "frexp_exponent", "The power of 2 that goes with `frexp_mantissa`. float32 or float64.");
  bind_unary(m, "erf", "The error function; at most 4 ULP from exact in float32.");
  bind_unary(m, "floor", "The largest integer that is not above. float32 or float64.");
  bind_unary(m, "ceil", "The smallest integer that is not below. float32 or float64.");
  bind_unary(m, "round", "The nearest integer, the even one of two. float32 or float64.");
  bind_unary(m, "trunc", "The integer part. float32 or float64.");
  bind_unary(m, "clamp", "``minimum(maximum(input, min), max)``; NaN stays NaN. float32 or float64.", py::arg("min"),
             py::arg("max"));
  bind_unary(m, "relu", "``maximum(input, 0)``; NaN stays NaN.");
  bind_unary(m, "leaky_relu", "``input`` where positive, else ``input * negative_slope``. float32 or float64.",
             py::arg("negative_slope") = 0.01);
  bind_unary(m, "sigmoid", "``1 / (1 + exp(-input))``; at most 4 ULP from exact in float32.");
  bind_unary(m, "tanh", "The hyperbolic tangent; at most 4 ULP from exact in float32.");
  bind_gelu(m);
  bind_unary(m, "silu", "``input * sigmoid(input)``. float32 or float64.");
  bind_unary(m, "elu", "``input`` where positive, else ``alpha * (exp(input) - 1)``. float32 or float64.",
             py::arg("alpha") = 1.0);
  bind_unary(m, "softplus",
             "``log(1 + exp(beta * input)) / beta``, and the input itself where beta * input > threshold. float32 or\n"
             "float64.",
             py::arg("beta") = 1.0, py::arg("threshold") = 20.0);
  bind_unary(m, "log_sigmoid", "``log(sigmoid(input))``, without overflow. float32 or float64.");
  bind_unary(m, "mish", "``input * tanh(log(1 + exp(input)))``. float32 or float64.");
  bind_unary(m, "hardsigmoid", "``clamp(input + 3, 0, 6) / 6``. float32 or float64.");
  bind_unary(m, "hardswish", "``input * clamp(input + 3, 0, 6) / 6``. float32 or float64.");
  bind_backward(m, "relu_backward", "output", "Gradient of `relu`: grad_output where output > 0, else 0.");
  bind_backward(m, "leaky_relu_backward", "input",
                "Gradient of `leaky_relu`: grad_output where input > 0, else ``grad_output * negative_slope``.",
                py::arg("negative_slope") = 0.01);
  bind_backward(m, "sigmoid_backward", "output", "Gradient of `sigmoid`: ``grad_output * output * (1 - output)``.");
  bind_backward(m, "tanh_backward", "output", "Gradient of `tanh`: ``grad_output * (1 - output ** 2)``.");
  bind_backward(m, "silu_backward", "input", "Gradient of `silu`.");
  bind_backward(m, "elu_backward", "input",
                "Gradient of `elu`: grad_output where input > 0, else ``grad_output * alpha * exp(input)``.",
                py::arg("alpha") = 1.0);
  bind_backward(m, "softplus_backward", "input",
                "Gradient of `softplus`: ``grad_output * sigmoid(beta * input)``, grad_output above the threshold.",
                py::arg("beta") = 1.0, py::arg("threshold") = 20.0);
  bind_backward(m, "log_sigmoid_backward", "input", "Gradient of `log_sigmoid`: ``grad_output * sigmoid(-input)``.");
  bind_backward(m, "mish_backward", "input", "Gradient of `mish`.");
  bind_backward(m, "clamp_backward", "input", "Gradient of `clamp`: grad_output where min <= input <= max, else 0.",
                py::arg("min"), py::arg("max"));
  bind_backward(m, "hardtanh_backward", "input",
                "Gradient of `clamp` without its ends, as PyTorch's hardtanh has it: grad_output where min < input < "
                "max, else 0.",
                py::arg("min"), py::arg("max"));
  bind_backward(m, "hardsigmoid_backward", "input", "Gradient of `hardsigmoid`.");
  bind_backward(m, "hardswish_backward", "input", "Gradient of `hardswish`.");
  m.def("where", &where_binding, py::arg("condition"), py::arg("a"), py::arg("b"), py::kw_only(),
        py::arg("out") = py::none(),
        R"(Elements of `a` where `condition` is true, else of `b`.

Parameters
----------
condition : numpy.ndarray
    bool.
a, b : numpy.ndarray or a Python number
    Arrays of one type, any; one of them may be a number. The three shapes broadcast.
out : numpy.ndarray, optional
    Dense array of the result's shape and type. It may be exactly `a` or `b`, and shares memory with no other input.

Returns
-------
numpy.ndarray
    Of the broadcast shape and the type of a and b.

Raises
------
DTypeError, ShapeError, ValueError, TypeError
)");
}

}  // namespace cygnet
