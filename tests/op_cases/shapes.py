"""Views and copies that rearrange: exact."""

from __future__ import annotations

import itertools

import numpy as np

from tests.op_cases.case import case, op, s, x

FEW = [(2, 3), (3, 2), (1, 4), (4, 1), (0, 3), (2, 3, 4), (5, 5), (3, 0, 2)]
DEEP = [(2, 3, 4), (3, 2, 1), (1, 1, 1), (4, 1, 2), (0, 3, 2), (2, 3, 0), (2, 3, 4, 2), (33, 7, 65)]
ANY = [(), (1,), (5,), (0,), *FEW[:3], (2, 3, 4)]


def each(name, reference, function, *shapes, **rest):
    """A row with one sample for each shape."""
    return case(name, reference, [x(*shape) for shape in shapes], function, exact=True, **rest)


def same(name, expression, *shapes):
    """A row whose expression means the same for arrays and tensors."""
    return each(name, expression, expression, *shapes)


def options(name, reference, shape, *choices, function=None):
    """A row with one shape and several sets of options."""
    return case(
        name, reference, [s(x(*shape), **choice) for choice in choices], function, exact=True
    )


def windows(a, dimension, size, step):
    view = np.lib.stride_tricks.sliding_window_view(a, size, dimension)
    return view[(slice(None),) * (dimension % a.ndim) + (slice(None, None, step),)]


def joined(name, reference, *samples, one=None):
    """A row of an op on a list of tensors."""
    function = one or (lambda *a, **rest: op(name)(list(a), **rest))
    return case(name, reference, list(samples), function, exact=True)


def stacks(name, reference):
    """A row of an op that joins whole tensors, whatever their dimensions are."""
    return joined(
        name, lambda *a: reference(a), s(x(2), x(2)), s(x(2, 3), x(2, 3)), s(x(1, 3), x(1, 3), x(1, 3)),
        s(x(2, 3, 4), x(2, 3, 4)), s(x(), x()), s(x(0), x(0)), s(x(0, 2), x(0, 2)), s(x(4)),
    )  # fmt: skip


def parts(a, sizes, dim=0):
    return tuple(np.split(a, np.cumsum(sizes)[:-1], dim))


def chunks(a, size, dim=0):
    return tuple(np.split(a, range(size, a.shape[dim], size), dim))


def interleaved(a, repeats, dim=None):
    return np.repeat(a, repeats, dim)


def unfolded(a, dimension, size, step):
    return windows(a, dimension, size, step)


SPLITS = [{"split_size_or_sections": 2, "dim": 1}, {"split_size_or_sections": 4, "dim": 2},
          {"split_size_or_sections": 9, "dim": 0}, {"split_size_or_sections": 1}]  # fmt: skip


def block_diag(*blocks):
    blocks = [np.atleast_2d(block) for block in blocks]
    result = np.zeros(np.sum([block.shape for block in blocks], axis=0))
    at = np.zeros(2, int)
    for block in blocks:
        end = at + block.shape
        result[at[0] : end[0], at[1] : end[1]] = block
        at = end
    return result


def cartesian_prod(*vectors):
    if len(vectors) == 1:
        return vectors[0]
    return np.stack([grid.ravel() for grid in np.meshgrid(*vectors, indexing="ij")], 1)


def choices(a, r=2, with_replacement=False):
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    return np.array([*choose(a, r)])


VIEWS = [
    each("reshape", lambda a: a.reshape(4, -1), lambda a: a.reshape(4, -1), (2, 4, 3), (4, 6), (2, 2), (8,), (4, 0, 1), (4, 1, 1, 1)),
    each("reshape transposed", lambda a: a.T.reshape(-1), lambda a: a.T.reshape(-1), (3, 4), (129, 515)),
    each("view", lambda a: a.reshape(-1), lambda a: a.view(-1), (2, 4, 3), (), (1,), (5,), (3, 1), (2, 2, 2), (7, 9), (1, 1, 1)),
    each("view_as", lambda a: a.reshape(a.size), lambda a: a.view_as(a.flatten()), *ANY),
    each("reshape_as", lambda a: a.T.reshape(a.size), lambda a: a.T.reshape_as(a.flatten()), *ANY),
    each("ravel", lambda a: a.reshape(-1), op("ravel"), *ANY),
    each("flatten", lambda a: a.reshape(a.shape[0], -1), lambda a: a.flatten(1), (2, 3, 4), (1, 2, 3, 4), (2, 1, 1), (3, 2)),
    each("flatten all", lambda a: a.reshape(-1), op("flatten"), *ANY),
    options("unflatten", lambda a, dim, sizes: a.reshape((*sizes, 6) if dim == 0 else (4, *sizes)), (4, 6),
            *({"dim": 0, "sizes": n} for n in [(2, 2), (4, 1), (1, 4), (2, 1, 2)]),
            *({"dim": d, "sizes": n} for d, n in [(1, (2, 3)), (-1, (3, 2)), (1, (6, 1)), (-1, (1, 2, 3))])),
    same("transpose", lambda a: a.transpose(0, -1) if not isinstance(a, np.ndarray) else a.swapaxes(0, -1), *FEW),
    each("swapaxes", lambda a: a.swapaxes(0, 1), lambda a: a.swapaxes(0, 1), *FEW),
    each("swapdims", lambda a: a.swapaxes(-1, 0), lambda a: a.swapdims(-1, 0), *FEW),
    each("permute", lambda a: a.transpose(2, 0, 1), lambda a: a.permute(2, 0, 1), (2, 3, 4), (2, 0, 3), (1, 1, 1), (33, 7, 65)),
    each("permute keyword", lambda a: a.transpose(1, 0), lambda a: a.permute(dims=(1, 0)), (2, 3), (4, 1), (0, 3), (65, 33)),
    same("T", lambda a: a.T, (3, 4), (4, 1), (1, 1), (2, 3, 4), (5,), (), (0, 3), (67, 131)),
    each("mT", lambda a: a.swapaxes(-1, -2), lambda a: a.mT, *FEW),
    each("t", lambda a: a.T, lambda a: a.t(), (), (3,), (0,), (3, 4), (4, 1), (1, 1), (0, 2), (67, 131)),
    options("movedim", lambda a, source, destination: np.moveaxis(a, source, destination), (2, 3, 4, 2),
            *({"source": a, "destination": b} for a, b in [(0, 1), (0, -1), (-1, 0), (2, 2), ((0, 1), (1, 0)), ((0, 2), (-1, 0)),
                                                           ((3, 0, 1), (0, 1, 2)), ([1], [3])])),
    options("moveaxis", np.moveaxis, (2, 3, 4), *({"source": a, "destination": b} for a, b in [(0, 1), (0, 2), (-1, 0), (2, 2),
            ((0, 1), (1, 0)), ((0, 2), (-1, 0)), ((2, 0, 1), (0, 1, 2)), ([1], [0])])),
    each("unsqueeze", lambda a: a[..., None], lambda a: a.unsqueeze(-1), *ANY),
    each("squeeze", lambda a: a.squeeze(1), lambda a: a.squeeze(1), (3, 1), (3, 1, 4), (1, 1), (0, 1)),
    each("squeeze all", lambda a: a.squeeze(), lambda a: a.squeeze(), (3, 1), (1, 3, 1, 4), (1, 1), (), (0, 1)),
    each("squeeze several", lambda a: a.squeeze((0, 2)), lambda a: a.squeeze((0, 2)), (1, 3, 1), (1, 1, 1), (1, 0, 1, 2)),
    each("expand", lambda a: np.broadcast_to(a, (4, 3, 2)), lambda a: a.expand(4, -1, 2), (3, 2), (3, 1), (1, 3, 2), (4, 3, 2), (1, 3, 1)),
    each("expand zero", lambda a: np.broadcast_to(a, (0, 3)), lambda a: a.expand(0, 3), (3,), (1, 3), (0, 1)),
    each("expand_as", lambda a: np.broadcast_to(a, (2, *a.shape)), lambda a: a.expand_as(a.unsqueeze(0).repeat(2, *[1] * a.ndim)), *ANY),
    each("broadcast_to", lambda a: np.broadcast_to(a, (4, 3, 2)), lambda a: op("broadcast_to")(a, (4, 3, 2)),
         (), (1,), (2,), (1, 1), (3, 1), (3, 2), (4, 1, 1), (4, 3, 2)),
    case("broadcast_tensors", lambda a, b: tuple(np.broadcast_arrays(a, b)), [s(x(2, 3), x(3)), s(x(3), x(2, 3)), s(x(), x(4)),
         s(x(2, 1), x(3)), s(x(1), x(0)), s(x(), x()), s(x(2, 1, 4), x(3, 1)), s(x(5), x(5))], gradient=False, exact=True),
    *(each(f"atleast_{n}d", getattr(np, f"atleast_{n}d"), op(f"atleast_{n}d"), *ANY) for n in (1, 2, 3)),
    same("index", lambda a: a[1], (3,), (3, 4), (2, 0)),
    same("slice", lambda a: a[1:, ::2], (3, 4), (3, 5, 2), (1, 3), (0, 2)),
    same("ellipsis", lambda a: a[..., None, 0], (3, 4), (2, 3, 4)),
    options("narrow", lambda a, dim, start, length: a.take(range(start % 4, start % 4 + length), dim), (4, 4),
            *({"dim": d, "start": b, "length": n} for d, b, n in [(0, 0, 4), (0, 1, 2), (1, 2, 2), (-1, 0, 1), (1, -1, 1), (0, -3, 2),
                                                                  (0, 3, 0), (1, 3, 1)])),
    options("select", lambda a, dim, index: a.take(index, dim), (3, 4, 2), *({"dim": d, "index": i} for d, i in [(0, 0), (0, 2), (0, -1),
            (1, 3), (1, -4), (2, 1), (-1, 0), (-2, 2)])),
    each("unbind", lambda a: tuple(a), op("unbind"), (1,), (3,), (2, 3), (4, 1), (2, 0), (3, 2, 2)),
    each("unbind last", lambda a: tuple(np.moveaxis(a, -1, 0)), lambda a: a.unbind(-1), (2, 3), (2, 3, 4)),
    case("split", lambda a, split_size_or_sections, dim=0: chunks(a, split_size_or_sections, dim), [s(x(5, 3, 4), **o) for o in SPLITS],
         exact=True),
    case("split sizes", lambda a, sizes, dim: parts(a, sizes, dim), [s(x(5, 3, 4), sizes=[2, 3], dim=0), s(x(5, 3), sizes=(0, 5), dim=0),
         s(x(5, 3), sizes=[1, 1, 1], dim=1), s(x(2, 4), sizes=[4], dim=-1)], lambda a, sizes, dim: a.split(sizes, dim), exact=True),
    options("split_with_sizes", lambda a, split_sizes, dim=0: parts(a, split_sizes, dim), (4, 6),
            *({"split_sizes": n, "dim": d} for n, d in [([1, 3], 0), ([4], 0), ([2, 2], 0), ([0, 4], 0), ([1, 2, 3], 1), ([6], -1),
                                                        ([5, 1], 1)]), {"split_sizes": [3, 1]}),
    options("chunk", lambda a, chunks, dim=0: chunks_of(a, chunks, dim), (5, 6), *({"chunks": n, "dim": d} for n, d in [(1, 0), (2, 0),
            (3, 0), (9, 0), (2, 1), (4, 1), (5, -1)]), {"chunks": 2}),
    options("tensor_split", lambda a, indices_or_sections, dim=0: tuple(np.array_split(a, indices_or_sections, dim)), (5, 6),
            *({"indices_or_sections": n, "dim": d} for n, d in [(1, 0), (2, 0), (3, 0), (7, 0), (4, 1), ([1, 3], 1), ((2,), -1), ([0, 9], 0)])),
    options("hsplit", lambda a, indices_or_sections: tuple(np.hsplit(a, indices_or_sections)), (4, 6),
            *({"indices_or_sections": n} for n in (1, 2, 3, 6, [1], [2, 4], [0, 3], [9]))),
    options("vsplit", lambda a, indices_or_sections: tuple(np.vsplit(a, indices_or_sections)), (6, 4),
            *({"indices_or_sections": n} for n in (1, 2, 3, 6, [1], [2, 4], [0, 3], [9]))),
    options("dsplit", lambda a, indices_or_sections: tuple(np.dsplit(a, indices_or_sections)), (2, 3, 6),
            *({"indices_or_sections": n} for n in (1, 2, 3, 6, [1], [2, 4], [0, 3], [9]))),
    options("sliding unfold", unfolded, (6, 5), *({"dimension": d, "size": n, "step": k} for d, n, k in [(0, 2, 1), (0, 3, 2), (0, 6, 1),
            (1, 2, 2), (1, 5, 3), (-1, 3, 1), (0, 1, 1), (1, 1, 4)]), function=lambda a, **rest: a.unfold(**rest)),
    case("diagonal", lambda a, offset=0, dim1=0, dim2=1: a.diagonal(offset, dim1, dim2), [s(x(3, 4)), s(x(3, 4), offset=1),
         s(x(4, 3), offset=-2), s(x(3, 3), offset=5), s(x(2, 3, 4)), s(x(2, 3, 4), dim1=1, dim2=2), s(x(2, 3, 4), offset=1, dim1=-1, dim2=0),
         s(x(0, 3))], exact=True),
]  # fmt: skip


def chunks_of(a, count, dim):
    return chunks(a, -(-a.shape[dim] // count), dim)


COPIES = [
    case("cat", lambda *a, dim=0: np.concatenate(a, dim), [s(x(2, 3), x(4, 3)), s(x(2, 3), x(2, 1), x(2, 4), dim=1),
         s(x(0, 3), x(2, 3)), s(x(65, 515), x(65, 515), dim=-1), s(x(3)), s(x(2, 3, 4), x(2, 1, 4), dim=-2), s(x(1), x(2), x(0)),
         s(x(2, 0), x(2, 3), dim=1)], lambda *a, **options: op("cat")(list(a), **options), exact=True),
    *(joined(name, lambda *a, dim=0: np.concatenate(a, dim), s(x(2, 3), x(4, 3)), s(x(2, 3), x(2, 1), x(2, 4), dim=1), s(x(0, 3), x(2, 3)),
             s(x(3)), s(x(2, 3, 4), x(2, 1, 4), dim=-2), s(x(1), x(2)), s(x(2, 0), x(2, 3), dim=1), s(x(4), x(4), x(4)))
      for name in ("concat", "concatenate")),
    joined("stack", lambda *a, dim=0: np.stack(a, dim), s(x(2, 3), x(2, 3)), s(x(2, 3), x(2, 3), dim=-1), s(x(), x()), s(x(3)),
           s(x(0), x(0)), s(x(2, 3), x(2, 3), x(2, 3), dim=1), s(x(4), x(4), dim=1), s(x(2, 3, 4), x(2, 3, 4), dim=-2)),
    stacks("hstack", np.hstack), stacks("vstack", np.vstack), stacks("row_stack", np.vstack), stacks("dstack", np.dstack), stacks("column_stack", np.column_stack),
    options("repeat", lambda a, repeats: np.tile(a, repeats), (2, 3), *({"repeats": n} for n in [(1, 1), (2, 3), (1, 4), (3, 1), (0, 2),
            (2, 1, 2), (1, 2, 2, 1), (2, 2)]),
            function=lambda a, repeats: a.repeat(repeats)),
    case("tile", lambda a, dims: np.tile(a, dims), [s(x(2, 3), dims=n) for n in [(2,), (1, 2), (2, 1, 2), (0,), ()]]
         + [s(x(), dims=(3,)), s(x(4), dims=(2, 2)), s(x(0), dims=(2,))], exact=True),
    case("repeat_interleave", interleaved, [s(x(2, 3), repeats=2), s(x(2, 3), repeats=3, dim=0), s(x(2, 3), repeats=2, dim=1),
         s(x(2, 3), repeats=0, dim=1), s(x(2, 3, 2), repeats=2, dim=-2), s(x(), repeats=3), s(x(0), repeats=2), s(x(5), repeats=1)], exact=True),
    case("repeat_interleave by a tensor", lambda a: np.repeat(a, [2, 0, 1], 0), [x(3), x(3, 2), x(3, 0), x(3, 2, 4)],
         lambda a: a.repeat_interleave(op("tensor")([2, 0, 1]), 0), exact=True, recorded=False, reason="the size depends on values"),
    options("flip", lambda a, dims: np.flip(a, dims), (3, 4, 2), *({"dims": n} for n in [(0,), (1,), (-1,), (0, 1), (0, 2), (0, 1, 2), (),
            (-2, 0)])),
    each("fliplr", np.fliplr, op("fliplr"), *FEW), each("flipud", np.flipud, op("flipud"), *FEW),
    case("rot90", lambda a, k=1, dims=(0, 1): np.rot90(a, k, dims), [s(x(2, 3)), s(x(2, 3), k=2), s(x(2, 3), k=3), s(x(2, 3), k=4),
         s(x(2, 3), k=-1), s(x(2, 3, 4), dims=(1, 2)), s(x(2, 3, 4), k=3, dims=(2, 0)), s(x(0, 3))], exact=True),
    case("roll", lambda a, shifts, dims=None: np.roll(a, shifts, dims), [s(x(5), shifts=2), s(x(2, 3), shifts=1), s(x(3, 4), shifts=-1, dims=0),
         s(x(3, 4), shifts=9, dims=1), s(x(3, 4), shifts=(1, 2), dims=(0, 1)), s(x(3, 4), shifts=0, dims=0), s(x(0, 4), shifts=1, dims=0),
         s(x(2, 3, 4), shifts=(1, -1), dims=(-1, 0))], exact=True),
    case("meshgrid", lambda *a, indexing="ij": tuple(np.meshgrid(*a, indexing=indexing)), [s(x(2), x(3), indexing=i) for i in ("ij", "xy")]
         + [s(x(2), x(3), x(4), indexing=i) for i in ("ij", "xy")] + [s(x(3)), s(x(0), x(2)), s(x(1), x(4), indexing="xy"), s(x(2), x(2))],
         gradient=False, exact=True),
    case("meshgrid product", lambda a, b: a[:, None] * b, [s(x(2), x(3)), s(x(1), x(4)), s(x(0), x(2))],
         lambda a, b: (grids := op("meshgrid")(a, b))[0] * grids[1]),
    each("adjoint", lambda a: np.swapaxes(a, -1, -2), None, *FEW),
    case("diff", lambda a, n=1, dim=-1: np.diff(a, n, dim), [
        x(3), s(x(4, 5), n=0), s(x(4, 5), n=2), s(x(4, 5), dim=0), s(x(4, 5), n=3, dim=0), s(x(4, 5), n=7),
        s(x(2, 3, 4), dim=-2), x(0, 3), x(3, 0),
    ]),
    case("diff joined", lambda a: np.diff(a, prepend=a, append=a), [x(3), x(2, 3)],
         lambda a: op("diff")(a, prepend=a, append=a)),
    each("diagflat", np.diagflat, None, (3,), (2, 3), (), (0,), (1, 4), (2, 1, 2)),
    options("diagflat offset", lambda a, offset: np.diagflat(a, offset), (3,), {"offset": 1}, {"offset": -2},
            function=op("diagflat")),
    joined("block_diag", block_diag, s(x(2, 3), x(1, 2)), s(x(2)), s(x(), x(3)), s(x(2, 2)), s(x(0, 3), x(2, 1)),
           s(x(1, 1), x(2, 2), x(3, 3)), s(x(4), x(4)), s(x(2, 0), x(1, 2)), one=op("block_diag")),
    joined("cartesian_prod", cartesian_prod, s(x(2), x(3)), s(x(3), x(2)), s(x(4)), s(x(2), x(2), x(2)),
           s(x(2), x(3), x(4)), s(x(5), x(5)), s(x(7), x(2)), s(x(33), x(9)), one=op("cartesian_prod")),
    options("combinations", choices, (5,), {}, {"r": 1}, {"r": 3}, {"r": 5}, {"with_replacement": True},
            {"r": 3, "with_replacement": True}, {"r": 4}, {"r": 2, "with_replacement": False}),
]  # fmt: skip

CASES = [*VIEWS, *COPIES]
