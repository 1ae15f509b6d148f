#include <algorithm>
#include <cstdlib>

#include "families.h"
#include "fused_activation.h"
#include "kernels/attention.h"
#include "launch.h"
#include "random_cell.h"

namespace cygnet {
namespace {

// A 4-dimensional array whose last axis is dense: the array itself, or a copy.
Array rows_of(const char* op, const char* name, const ArrayArg& arg, DType dtype) {
  Array array = array_of(op, name, arg, dtype, "query");
  check_rank(op, name, array, 4);
  const bool dense = array.shape(3) <= 1 || array.view.strides[3] == static_cast<int64_t>(item_size(dtype));
  return dense && array.view.aligned() ? array : contiguous(array);
}

// A new array with the outer axes in the memory order of another's.
Array new_rows(const char* op, const Array& like, int64_t width) {
  int order[] = {0, 1, 2};
  const auto step = [&](int axis) { return std::abs(like.view.strides[axis]); };
  std::stable_sort(order, order + 3, [&](int a, int b) { return step(a) > step(b); });
  Dims shape = like.shape(), strides = shape;
  shape[3] = width;
  int64_t next = static_cast<int64_t>(item_size(like.dtype()));
  strides[3] = next;
  next *= std::max<int64_t>(1, width);
  for (int place = 2; place >= 0; next *= std::max<int64_t>(1, shape[order[place--]])) strides[order[place]] = next;
  return new_array_strided(op, like.dtype(), shape, strides);
}

template <class T>
HeadRows<T> rows_of_array(const Array& array) {
  if (!array) return {};
  const Dims& strides = array.view.strides;
  constexpr auto item = static_cast<int64_t>(sizeof(T));
  return {nullptr, strides[0] / item, strides[1] / item, strides[2] / item};
}

struct Arguments {
  Array query, key, value, mask;
  AttentionSizes sizes;
  bool causal;
  double scale, p;

  Arguments(const char* op, const ArrayArg& query_arg, const ArrayArg& key_arg, const ArrayArg& value_arg,
            const OptionalArray& mask_arg, bool causal, double scale, double p)
      : causal(causal), scale(scale), p(p) {
    const DType dtype = float_array(op, "query", query_arg).dtype();
    query = rows_of(op, "query", query_arg, dtype);
    key = rows_of(op, "key", key_arg, dtype);
    value = rows_of(op, "value", value_arg, dtype);
    const int64_t heads = query.shape(1), key_heads = key.shape(1);
    check<ShapeError>(key_heads == 0 ? heads == 0 : heads % key_heads == 0, op, ": key has ", key_heads,
                      " heads, expected a divisor of the query's ", heads);
    sizes = {query.shape(0), heads,        key_heads ? std::max<int64_t>(1, heads / key_heads) : 1,
             query.shape(2), key.shape(2), query.shape(3),
             value.shape(3)};
    check_shape(op, "key", key, {sizes.batch, key_heads, sizes.keys, sizes.width});
    check_shape(op, "value", value, {sizes.batch, key_heads, sizes.keys, sizes.value_width});
    if (mask_arg) {
      mask = any_array(op, "mask", *mask_arg);
      check<DTypeError>(mask.dtype() == DType::Bool || mask.dtype() == dtype, op, ": mask has dtype ",
                        name_of(mask.dtype()), ", expected bool or ", name_of(dtype));
      check_shape(op, "mask", mask, {sizes.batch, sizes.heads, sizes.queries, sizes.keys});
      if (!mask.view.aligned()) mask = contiguous(mask);
    }
    check<ValueError>(p >= 0 && p <= 1, op, ": dropout is ", p, ", expected 0 <= dropout <= 1");
  }

  Work work(double products) const {
    const double scores = static_cast<double>(sizes.batch * sizes.heads * sizes.queries) *
                          static_cast<double>(sizes.keys) * (causal ? 0.5 : 1);
    const double elements = static_cast<double>(query.count() + key.count() + value.count());
    return {products * scores * static_cast<double>(sizes.width + sizes.value_width),
            elements * static_cast<double>(item_size(query.dtype()))};
  }

  // The mask, but for its address.
  template <class T>
  AttentionMask<T> mask_layout() const {
    AttentionMask<T> layout;
    layout.causal = causal;
    if (!mask) return layout;
    const Dims& strides = mask.view.strides;
    const auto item = static_cast<int64_t>(item_size(mask.dtype()));
    layout.batch_step = strides[0] / item;
    layout.head_step = strides[1] / item;
    layout.query_step = strides[2] / item;
    layout.key_step = strides[3] / item;
    return layout;
  }
  bool mask_is_bool() const { return mask && mask.dtype() == DType::Bool; }
};

template <class T>
AttentionMask<T> mask_at(AttentionMask<T> layout, bool is_bool, void* data) {
  if (is_bool)
    layout.allowed = in<uint8_t>(data);
  else
    layout.added = in<T>(data);
  return layout;
}

template <class T>
HeadRows<T> at_address(HeadRows<T> rows, void* data) {
  rows.data = static_cast<T*>(data);
  return rows;
}

py::tuple attention_forward_binding(const ArrayArg& query_arg, const ArrayArg& key_arg, const ArrayArg& value_arg,
                                    const OptionalArray& mask_arg, const OptionalArray& cell_arg, bool causal,
                                    double scale, double dropout) {
  constexpr const char* op = "attention";
  const Arguments given(op, query_arg, key_arg, value_arg, mask_arg, causal, scale, dropout);
  check<ValueError>(dropout == 0 || cell_arg, op, ": cell is needed for dropout");
  const AttentionSizes sizes = given.sizes;
  const DType dtype = given.query.dtype();
  const Array output = new_rows(op, given.query, sizes.value_width);
  const Array log_sum = new_array(op, dtype, {sizes.batch, sizes.heads, sizes.queries});
  Array cell, state;
  if (dropout > 0) {
    cell = cell_array(op, *cell_arg);
    state = new_array(op, DType::Int64, {2});
  }
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto q = rows_of_array<const T>(given.query), k = rows_of_array<const T>(given.key),
               v = rows_of_array<const T>(given.value);
    launch("attention_forward", given.work(2),
           {read(given.query), read(given.key), read(given.value), read(given.mask), write(cell), write(state),
            write(output), write(log_sum)},
           attention_forward_scratch_bytes<T>(sizes),
           [=, out = rows_of_array<T>(output), layout = given.mask_layout<T>(),
            is_bool = given.mask_is_bool()](void* const* at) {
             AttentionDropout drop;
             drop.p = dropout;
             if (dropout > 0) {
               drop.state = next_draw(to<int64_t>(at[4]));
               to<int64_t>(at[5])[0] = static_cast<int64_t>(drop.state.key);
               to<int64_t>(at[5])[1] = static_cast<int64_t>(drop.state.draw);
             }
             attention_forward<T>(sizes, at_address(q, at[0]), at_address(k, at[1]), at_address(v, at[2]),
                                  mask_at(layout, is_bool, at[3]), scale, drop, at_address(out, at[6]), to<T>(at[7]),
                                  at[8]);
           });
  });
  return py::make_tuple(output.object, log_sum.object, or_none(state));
}

// Query, key and value may be the three parts (..., 3, heads, width) of one array, as a joint projection makes them.
// Then so are their gradients; a new array of its own for each else.
struct Gradients {
  Array query, key, value;

  Gradients(const char* op, const Arguments& given, bool need_query, bool need_key, bool need_value) {
    const Array &q = given.query, &k = given.key, &v = given.value;
    const Dims& strides = q.view.strides;
    const auto item = static_cast<int64_t>(item_size(q.dtype()));
    const int64_t part = q.shape(1) * q.shape(3) * item;
    const bool outer_batch = strides[0] >= strides[2];
    const int64_t inner = strides[outer_batch ? 2 : 0], count = q.shape(outer_batch ? 2 : 0);
    if (need_query && need_key && need_value && q.count() > 0 && q.shape() == k.shape() && q.shape() == v.shape() &&
        k.view.has_strides(strides) && v.view.has_strides(strides) && k.view.data - q.view.data == part &&
        v.view.data - k.view.data == part && strides[3] == item && strides[1] == q.shape(3) * item &&
        inner == 3 * part && strides[outer_batch ? 0 : 2] == count * inner) {
      const Array all = new_array(op, q.dtype(), {q.shape(outer_batch ? 0 : 2), count, 3, q.shape(1), q.shape(3)});
      query = part_of(all, q, 0);
      key = part_of(all, q, part);
      value = part_of(all, q, 2 * part);
      return;
    }
    if (need_query) query = new_rows(op, q, q.shape(3));
    if (need_key) key = new_rows(op, k, k.shape(3));
    if (need_value) value = new_rows(op, v, v.shape(3));
  }

  // A view of the shape and strides of `like`.
  static Array part_of(const Array& whole, const Array& like, int64_t offset) {
    Array part{{}, like.view};
    part.view.data = whole.view.data + offset;
    const Dims &shape = like.shape(), &strides = like.view.strides;
    part.object = py::array(py::reinterpret_borrow<py::array>(whole.object).dtype(),
                            std::vector<py::ssize_t>(shape.begin(), shape.end()),
                            std::vector<py::ssize_t>(strides.begin(), strides.end()), part.view.data, whole.object);
    return part;
  }
};

py::tuple attention_backward_binding(const ArrayArg& grad_arg, const ArrayArg& query_arg, const ArrayArg& key_arg,
                                     const ArrayArg& value_arg, const ArrayArg& output_arg, const ArrayArg& log_sum_arg,
                                     const OptionalArray& mask_arg, const OptionalArray& state_arg, bool causal,
                                     double scale, double dropout, bool need_query, bool need_key, bool need_value) {
  constexpr const char* op = "attention_backward";
  const Arguments given(op, query_arg, key_arg, value_arg, mask_arg, causal, scale, dropout);
  const AttentionSizes sizes = given.sizes;
  const DType dtype = given.query.dtype();
  const Dims rows{sizes.batch, sizes.heads, sizes.queries};
  Dims shape = rows;
  shape.push(sizes.value_width);
  const Array grad = rows_of(op, "grad_output", grad_arg, dtype), output = rows_of(op, "output", output_arg, dtype);
  check_shape(op, "grad_output", grad, shape);
  check_shape(op, "output", output, shape);
  const Array log_sum = contiguous(array_of(op, "log_sum", log_sum_arg, dtype, "query"));
  check_shape(op, "log_sum", log_sum, rows);
  check<ValueError>(dropout == 0 || state_arg, op, ": state is needed for dropout");
  Array state;
  if (dropout > 0) {
    state = contiguous(array_of(op, "state", *state_arg, DType::Int64));
    check_shape(op, "state", state, {2});
  }
  const Gradients grads(op, given, need_query, need_key, need_value);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto d_o = rows_of_array<const T>(grad), o = rows_of_array<const T>(output),
               q = rows_of_array<const T>(given.query), k = rows_of_array<const T>(given.key),
               v = rows_of_array<const T>(given.value);
    const auto d_q = rows_of_array<T>(grads.query), d_k = rows_of_array<T>(grads.key),
               d_v = rows_of_array<T>(grads.value);
    launch(op, given.work(5),
           {read(grad), read(given.query), read(given.key), read(given.value), read(output), read(log_sum),
            read(given.mask), read(state), write(grads.query), write(grads.key), write(grads.value)},
           attention_backward_scratch_bytes<T>(sizes),
           [=, layout = given.mask_layout<T>(), is_bool = given.mask_is_bool()](void* const* at) {
             AttentionDropout drop;
             drop.p = dropout;
             if (dropout > 0)
               drop.state = {static_cast<uint64_t>(in<int64_t>(at[7])[0]),
                             static_cast<uint64_t>(in<int64_t>(at[7])[1])};
             attention_backward<T>(sizes, at_address(d_o, at[0]), at_address(q, at[1]), at_address(k, at[2]),
                                   at_address(v, at[3]), at_address(o, at[4]), in<T>(at[5]),
                                   mask_at(layout, is_bool, at[6]), scale, drop, at_address(d_q, at[8]),
                                   at_address(d_k, at[9]), at_address(d_v, at[10]), at[11]);
           });
  });
  return py::make_tuple(or_none(grads.query), or_none(grads.key), or_none(grads.value));
}

}  // namespace

void bind_attention(py::module_& m) {
  m.def("attention_forward", &attention_forward_binding, py::arg("query"), py::arg("key"), py::arg("value"),
        py::arg("mask") = py::none(), py::arg("cell") = py::none(), py::kw_only(), py::arg("causal") = false,
        py::arg("scale") = 1.0, py::arg("dropout") = 0.0,
        R"(Attention: ``softmax(query @ key.T * scale + mask) @ value`` in blocks, without the weights in memory.

Parameters
----------
query : numpy.ndarray
    (batch, heads, L, E), float32 or float64, any strides; fast where the last axis is dense.
key, value : numpy.ndarray
    (batch, key heads, S, E) and (batch, key heads, S, Ev). Each key head serves heads / key heads neighbouring heads.
mask : numpy.ndarray, optional
    (batch, heads, L, S), any strides, zero included: bool, True where a query may attend, or numbers of the query's
    type that are added to the scores.
cell : numpy.ndarray, optional
    Writeable int64 (2,), the random state (key, draw) of the dropout: weight i in logical order is decided by word
    i % 4 of the Philox block (key, draw, i // 4); every run counts draw up by one.
causal : bool
    Whether query i attends to the keys up to i only. Default False.
scale : float
    Default 1.
dropout : float
    Probability of dropping a weight, 0 to 1. Default 0.

Returns
-------
tuple
    (output, log_sum, state): the result (batch, heads, L, Ev), its outer axes in the query's memory order, 0 where a
    query has no key; the logarithm of each query's sum of exponentials, infinity without a key; and the random state
    that was used, None without dropout.

Raises
------
DTypeError, ShapeError, ValueError
)");
  m.def("attention_backward", &attention_backward_binding, py::arg("grad_output"), py::arg("query"), py::arg("key"),
        py::arg("value"), py::arg("output"), py::arg("log_sum"), py::arg("mask") = py::none(),
        py::arg("state") = py::none(), py::kw_only(), py::arg("causal") = false, py::arg("scale") = 1.0,
        py::arg("dropout") = 0.0, py::arg("need_query") = true, py::arg("need_key") = true,
        py::arg("need_value") = true,
        R"(Gradients of `attention_forward`.

Parameters
----------
grad_output : numpy.ndarray
    The gradient of the result.
query, key, value, mask, causal, scale, dropout
    As in the forward call.
output, log_sum, state
    What the forward call returned.
need_query, need_key, need_value : bool
    Which gradients to compute. Default all.

Returns
-------
tuple
    (grad_query, grad_key, grad_value), None for each that is not needed. Their outer axes have the memory order of the
    array they belong to; of three parts (..., 3, heads, width) of one array they are such parts as well.
)");
}

}  // namespace cygnet
