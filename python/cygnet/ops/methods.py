"""The methods, operators and properties of `Tensor`, which this module installs.

`cygnet/_methods.pyi` declares them for type checkers, and a test holds the two together.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from cygnet.ops import (
    bits,
    comparison,
    elementwise,
    index,
    inplace,
    inspection,
    masked,
    products,
    rounding,
    shape,
    special,
)
from cygnet.ops.inplace import in_place
from cygnet.ops.reshaped import reshaping
from cygnet.tensor import Tensor

_ALIASES = (
    "absolute arccos arccosh arcsin arcsinh arctan arctan2 arctanh clip divide fix greater "
    "greater_equal less less_equal multiply negative not_equal sgn subtract true_divide"
)

# Ops that are methods as well, by family.
_METHODS: tuple[tuple[str, str], ...] = (
    ("activation", "hardshrink prelu relu sigmoid tanh"),
    ("aliases", _ALIASES),
    (
        "bits",
        "bitwise_left_shift bitwise_right_shift frexp gcd lcm nextafter",
    ),
    ("broadcast", "expand reshape sum"),
    (
        "comparison",
        "allclose bitwise_and bitwise_not bitwise_or bitwise_xor equal isclose isfinite isinf "
        "isnan isneginf isposinf logical_xor signbit",
    ),
    (
        "composite",
        "addcdiv addcmul clamp clamp_max clamp_min deg2rad float_power fmax fmin heaviside "
        "ldexp lerp logaddexp2 logit nan_to_num positive rad2deg sinc xlogy",
    ),
    (
        "convert",
        "bool byte clone contiguous cpu cuda double float half int long pin_memory to type type_as",
    ),
    ("create", "new_empty new_full new_ones new_tensor new_zeros"),
    (
        "diagonal",
        "diag diag_embed diagflat trace tril triu",
    ),
    (
        "elementwise",
        "abs add div eq erf exp ge gt le log logical_and logical_not logical_or lt maximum "
        "minimum mul ne neg pow sign sqrt sub",
    ),
    ("factor", "cholesky geqrf orgqr ormqr qr"),
    ("gather", "gather scatter scatter_add scatter_reduce take_along_dim"),
    ("histogram", "histogram"),
    ("index", "index_put"),
    (
        "inspection",
        "data_ptr element_size get_device is_complex is_contiguous is_floating_point "
        "is_nonzero is_same_size is_signed storage_offset stride",
    ),
    ("join", "flip fliplr flipud repeat repeat_interleave roll rot90 tile"),
    ("masked", "masked_fill masked_scatter masked_select"),
    ("matrix_functions", "matrix_exp matrix_power"),
    ("nonzero", "argwhere nonzero nonzero_static"),
    ("operator_norm", "norm"),
    (
        "products",
        "addbmm addmm addmv addr baddbmm bmm corrcoef cov cross dot ger inner kron matmul "
        "mm mv outer vdot",
    ),
    (
        "random",
        "bernoulli bernoulli_ cauchy_ exponential_ geometric_ log_normal_ multinomial normal_ "
        "random_ uniform_",
    ),
    (
        "reduce",
        "all amax amin aminmax any argmax argmin count_nonzero logsumexp max mean min nanmean "
        "nansum std var",
    ),
    (
        "regions",
        "as_strided as_strided_scatter diagonal_scatter narrow_copy new_empty_strided "
        "select_scatter slice_scatter",
    ),
    ("reshaped", "apply_ map_ resize_ resize_as_ set_"),
    ("rounding", "ceil floor floor_divide fmod frac remainder round trunc"),
    ("rows", "index_add index_copy index_fill index_reduce index_select put take"),
    (
        "scan",
        "cummax cummin cumprod cumsum diff logcumsumexp prod",
    ),
    (
        "shape",
        "adjoint broadcast_to chunk diagonal dsplit expand_as flatten hsplit moveaxis movedim "
        "narrow permute ravel reshape_as select split split_with_sizes squeeze sum_to_size "
        "swapaxes swapdims t tensor_split transpose unbind unflatten unsqueeze view view_as vsplit",
    ),
    ("softmax", "log_softmax softmax"),
    (
        "solve",
        "cholesky_inverse cholesky_solve det inverse logdet lu_solve slogdet triangular_solve",
    ),
    (
        "sort",
        "argsort bincount histc kthvalue median mode msort nanmedian nanquantile quantile sort "
        "topk unique unique_consecutive",
    ),
    (
        "special",
        "acos acosh asin asinh atan atan2 atanh copysign cos cosh digamma erfc erfinv exp2 "
        "expm1 hypot i0 igamma igammac lgamma log10 log1p log2 logaddexp mvlgamma reciprocal rsqrt "
        "sin sinh square tan",
    ),
    ("spectral", "pinverse svd"),
    ("vector_norm", "dist renorm"),
)

# Ops whose method has a second form with an underscore, which changes the tensor in place.
_IN_PLACE: tuple[tuple[str, str], ...] = (
    (
        "activation",
        "celu elu hardsigmoid hardswish hardtanh leaky_relu relu relu6 selu sigmoid tanh threshold",
    ),
    ("aliases", _ALIASES),
    ("bits", "bitwise_left_shift bitwise_right_shift gcd lcm nextafter"),
    ("comparison", "bitwise_and bitwise_not bitwise_or bitwise_xor logical_xor"),
    (
        "composite",
        "addcdiv addcmul clamp clamp_max clamp_min deg2rad float_power heaviside ldexp lerp "
        "logit nan_to_num rad2deg sinc xlogy",
    ),
    ("diagonal", "tril triu"),
    (
        "elementwise",
        "abs add div eq erf exp ge gt le log logical_and logical_not logical_or lt mul ne neg pow "
        "sign sqrt sub",
    ),
    ("gather", "scatter scatter_add scatter_reduce"),
    ("index", "index_put"),
    ("masked", "masked_fill masked_scatter"),
    ("products", "addbmm addmm addmv addr baddbmm"),
    ("rounding", "ceil floor floor_divide fmod frac remainder round trunc"),
    ("rows", "index_add index_copy index_fill index_reduce put"),
    ("scan", "cumprod cumsum"),
    (
        "special",
        "acos acosh asin asinh atan atan2 atanh copysign cos cosh digamma erfc erfinv exp2 expm1 "
        "hypot i0 igamma igammac lgamma log10 log1p log2 mvlgamma reciprocal rsqrt sin sinh square "
        "tan",
    ),
    ("vector_norm", "renorm"),
)

# Ops that give a view, whose form with an underscore makes the tensor that view.
_RESHAPING: tuple[tuple[str, str], ...] = (
    ("regions", "as_strided"),
    ("shape", "squeeze swapaxes swapdims t transpose unsqueeze"),
)


def _reflected(op: Callable[..., Tensor]) -> Callable[[Tensor, Any], Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        return op(other, self)

    return method


def _or_unlike(op: Callable[..., Tensor]) -> Callable[[Tensor, Any], Any]:
    """The operator, which leaves what is no operand (None, a string) to Python: it is not equal."""

    def method(self: Tensor, other: Any) -> Any:
        known = isinstance(other, Tensor | int | float | np.ndarray | np.generic)
        return op(self, other) if known else NotImplemented

    return method


def _table(rows: tuple[tuple[str, str], ...]) -> dict[str, Callable[..., Any]]:
    return {name: _op(family, name) for family, names in rows for name in names.split()}


def _op(family: str, name: str) -> Callable[..., Any]:
    op: Callable[..., Any] = getattr(importlib.import_module(f"cygnet.ops.{family}"), name)
    return op


METHODS: dict[str, Callable[..., Any]] = {
    **_table(_METHODS),
    **{f"{name}_": in_place(op) for name, op in _table(_IN_PLACE).items()},
    **{f"{name}_": reshaping(op) for name, op in _table(_RESHAPING).items()},
    "copy_": inplace.copy_,
    "fill_": inplace.fill_,
    "fill_diagonal_": inplace.fill_diagonal_,
    "is_pinned": inspection.never,
    "ndimension": Tensor.dim,
    "polygamma": special.polygamma_method,
    "polygamma_": in_place(special.polygamma_method),
    "nelement": inspection.numel,
    "unfold": shape.unfold,
    "where": masked.where_method,
    "zero_": inplace.zero_,
    "__abs__": elementwise.abs,
    "__add__": elementwise.add,
    "__and__": comparison.bitwise_and,
    "__eq__": _or_unlike(elementwise.eq),
    "__floordiv__": rounding.floor_divide,
    "__ge__": elementwise.ge,
    "__getitem__": index.getitem,
    "__gt__": elementwise.gt,
    "__invert__": comparison.bitwise_not,
    "__le__": elementwise.le,
    "__lshift__": bits.bitwise_left_shift,
    "__lt__": elementwise.lt,
    "__matmul__": products.matmul,
    "__mod__": rounding.remainder,
    "__mul__": elementwise.mul,
    "__ne__": _or_unlike(elementwise.ne),
    "__neg__": elementwise.neg,
    "__or__": comparison.bitwise_or,
    "__pow__": elementwise.pow,
    "__radd__": elementwise.add,
    "__rand__": comparison.bitwise_and,
    "__rlshift__": _reflected(bits.bitwise_left_shift),
    "__rrshift__": _reflected(bits.bitwise_right_shift),
    "__rshift__": bits.bitwise_right_shift,
    "__rfloordiv__": _reflected(rounding.floor_divide),
    "__rmatmul__": _reflected(products.matmul),
    "__rmod__": _reflected(rounding.remainder),
    "__rmul__": elementwise.mul,
    "__ror__": comparison.bitwise_or,
    "__rpow__": _reflected(elementwise.pow),
    "__rsub__": _reflected(elementwise.sub),
    "__rtruediv__": _reflected(elementwise.div),
    "__rxor__": comparison.bitwise_xor,
    "__setitem__": inplace.setitem,
    "__sub__": elementwise.sub,
    "__truediv__": elementwise.div,
    "__xor__": comparison.bitwise_xor,
}
METHODS |= {
    f"__i{operator}__": METHODS[f"{method}_"]
    for operator, method in (
        ("add", "add"),
        ("and", "bitwise_and"),
        ("floordiv", "floor_divide"),
        ("lshift", "bitwise_left_shift"),
        ("rshift", "bitwise_right_shift"),
        ("mod", "remainder"),
        ("mul", "mul"),
        ("or", "bitwise_or"),
        ("pow", "pow"),
        ("sub", "sub"),
        ("truediv", "div"),
        ("xor", "bitwise_xor"),
    )
}

PROPERTIES: dict[str, Callable[[Tensor], Any]] = {
    "H": shape.t,
    "T": shape.T,
    "device": inspection.device,
    "is_cpu": inspection.always,
    "is_cuda": inspection.never,
    "is_meta": inspection.never,
    "is_mps": inspection.never,
    "is_quantized": inspection.never,
    "is_sparse": inspection.never,
    "is_xpu": inspection.never,
    "itemsize": inspection.element_size,
    "layout": inspection.layout,
    "mH": shape.mT,
    "mT": shape.mT,
    "nbytes": inspection.nbytes,
}

# In-place forms that are functions as well.
_FUNCTIONS = (
    "abs acos acosh addmv arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh ceil "
    "as_strided celu clamp clamp_max clamp_min clip cos cosh deg2rad erf erfc exp exp2 expm1 fill "
    "fix floor frac gcd i0 index_put lcm ldexp log log10 log1p log2 logit nan_to_num neg negative "
    "rad2deg reciprocal relu resize_as round rsqrt selu sigmoid sin sinc sinh sqrt square tan tanh "
    "threshold trunc xlogy zero"
)
_DROPOUTS = "alpha_dropout dropout feature_alpha_dropout rrelu"
FUNCTIONS_IN_PLACE: dict[str, Callable[..., Any]] = {
    **{f"{name}_": METHODS[f"{name}_"] for name in _FUNCTIONS.split()},
    "detach_": Tensor.detach_,
    **{f"{name}_": in_place(op) for name, op in _table((("dropout", _DROPOUTS),)).items()},
}

for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)
for _name, _function in PROPERTIES.items():
    setattr(Tensor, _name, property(_function))
