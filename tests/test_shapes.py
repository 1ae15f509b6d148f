"""What shapes, joins, products, frames and images of another size refuse, and the kernels behind
them.
"""

from __future__ import annotations

import numpy as np
import pytest

import cygnet as cn
import cygnet.nn.functional as F
from cygnet import DTypeError, ShapeError, kernels

rng = np.random.default_rng(4)
X, M, V = cn.zeros(2, 3, 4), cn.zeros(3, 4), cn.zeros(4)
IMAGE = cn.zeros(1, 2, 4, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.bool_, np.uint8])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0)])
def test_constant_frames_of_any_layout(dtype, order):
    array = rng.integers(0, 2, (2, 3, 4, 70)).astype(dtype).transpose(order)
    widths = [(1, 0), (0, 2), (3, 1), (0, 0)]
    for view in (array, array[:, ::-1, :, ::2]):
        padded = kernels.pad_constant(view, widths, 1.0)
        np.testing.assert_array_equal(padded, np.pad(view, widths, constant_values=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", [1, 2, 5])
def test_overlapping_windows_are_summed(dtype, step):
    source = rng.integers(-4, 5, (3, 40, 6)).astype(dtype)
    target = np.zeros((3, 39 * step + 6), dtype)
    expected = target.copy()
    for i in range(40):
        expected[:, i * step : i * step + 6] += source[:, i]
    steps = (target.strides[0], step * target.itemsize, target.itemsize)
    kernels.overlap_add(np.lib.stride_tricks.as_strided(target, source.shape, steps), source)
    np.testing.assert_array_equal(target, expected)


def test_an_expanded_target_takes_the_sum():
    total = np.zeros(1)
    kernels.overlap_add(np.lib.stride_tricks.as_strided(total, (7, 5), (0, 0)), np.ones((7, 5)))
    assert total[0] == 35


def sparse(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets, sources and weights of all elements of a matrix."""
    size, taps = matrix.shape
    return np.arange(size + 1) * taps, np.tile(np.arange(taps), size), matrix.reshape(-1)


def test_resampling_is_a_product_on_either_side():
    image = rng.standard_normal((2, 3, 5, 7))
    rows, columns = rng.standard_normal((4, 5)), rng.standard_normal((6, 7))

    expected = np.einsum("ij,nchw,kw->ncik", rows[:, :1] * 0 + 1, image[:, :, :1], columns)
    single = (np.arange(5), np.zeros(4, int), np.ones(4))
    np.testing.assert_allclose(kernels.resample(image, single, sparse(columns)), expected)
    for given in (image, np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 1, -1)), -1, 1)):
        found = kernels.resample(given, sparse(rows), sparse(columns))
        np.testing.assert_allclose(found, rows @ image @ columns.T)
    nothing = (np.zeros(3, int), np.zeros(0, int), np.zeros(0))
    assert not kernels.resample(image, nothing, sparse(columns)).any()


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("value", [-1, 4, 2**40, -(2**62)])
@pytest.mark.parametrize("side", [0, 1])
def test_a_replay_checks_the_places_that_it_resamples(side: int, place: int, value: int) -> None:
    """Offsets and sources are data, which may have changed since the call was recorded."""
    image = np.random.default_rng(0).standard_normal((2, 4, 4))
    matrices = [sparse(np.eye(4)[[0, 1, 3]]), sparse(np.ones((2, 4)))]
    with kernels.Recording() as recording:
        result = kernels.resample(image, *matrices)
    expected = result.copy()
    changed = matrices[side][place]
    kept = changed.copy()
    changed[-1] = value
    with pytest.raises((ValueError, IndexError), match=r"resample: (rows|columns) has"):
        recording.replay()
    changed[:] = kept
    recording.replay()
    np.testing.assert_array_equal(result, expected)


def test_a_replay_counts_the_terms_again() -> None:
    image = np.random.default_rng(0).standard_normal((2, 4, 4))
    rows, columns = sparse(np.eye(4)), (np.arange(5), np.arange(4), np.ones(4))
    with kernels.Recording() as recording:
        result = kernels.resample(image, rows, columns)
    columns[0][:] = [0, 0, 2, 2, 4]
    recording.replay()
    np.testing.assert_array_equal(result, kernels.resample(image, rows, columns))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: X.reshape(5), ShapeError, "reshape: 24 elements cannot have the shape (5,)"),
        (lambda: X.reshape(-1, -1), ShapeError, "reshape: 24 elements"),
        (lambda: X.view(np.int32), TypeError, "sizes must be ints"),
        (lambda: X.unflatten(1, (2, 2)), ShapeError, "unflatten: 3 elements"),
        (lambda: X.permute(0, 1), ValueError, "permute: dims are (0, 1)"),
        (lambda: X.transpose(0, 3), IndexError, "transpose: dim is 3, expected -3 to 2"),
        (lambda: V.mT, ShapeError, "mT: input has shape (4,)"),
        (lambda: X.t(), ShapeError, "t: input has shape (2, 3, 4)"),
        (lambda: X.movedim((0, 0), (1, 2)), ValueError, "movedim: source is (0, 0)"),
        (lambda: X.movedim(0, (1, 2)), ValueError, "movedim: source has 1 dimensions"),
        (lambda: X.expand(2, 3, 5), ShapeError, "expand: shape (2, 3, 4) cannot become"),
        (lambda: cn.broadcast_tensors(V, M.t()), ShapeError, "broadcast_tensors: the shapes"),
        (lambda: X.repeat(2), ValueError, "repeat: repeats are (2,)"),
        (lambda: X.narrow(1, 2, 2), IndexError, "narrow: length is 2, expected 0 to 1"),
        (lambda: X.narrow(1, 9, 1), IndexError, "narrow: start is 9, expected -3 to 3"),
        (lambda: X.select(0, 2), IndexError, "select: index is 2, expected -2 to 1"),
        (lambda: X.split([1, 2], 0), ValueError, "split: the sizes [1, 2] do not add up to 2"),
        (lambda: X.split(0), ValueError, "split: split_size is 0"),
        (lambda: X.chunk(0), ValueError, "chunk: chunks is 0"),
        (lambda: cn.tensor(1.0).unbind(), ShapeError, "unbind: input has shape ()"),
        (lambda: X.hsplit(2), ValueError, "hsplit: 2 sections do not divide the size 3"),
        (lambda: V.vsplit(2), ShapeError, "vsplit: input has shape (4,)"),
        (lambda: X.unfold(1, 4, 1), ValueError, "unfold: size is 4, expected 0 to 3"),
        (lambda: X.unfold(1, 2, 0), ValueError, "unfold: step is 0"),
        (lambda: X.diagonal(0, 1, 1), ValueError, "diagonal: dim1 and dim2 are both"),
        (lambda: cn.cat([]), ValueError, "cat: tensors is empty"),
        (lambda: cn.cat([X, M]), ShapeError, "arrays[1] has shape (3, 4)"),
        (lambda: cn.stack([V, M]), ShapeError, "stack: tensors[1] has shape (3, 4), expected (4,)"),
        (lambda: X.flip(0, 0), ValueError, "flip: dims are (0, 0)"),
        (lambda: X.rot90(1, (0, 0)), ValueError, "rot90: dims are (0, 0)"),
        (lambda: X.roll((1, 2), (0,)), ValueError, "roll: 2 shifts for 1 dims"),
        (lambda: cn.meshgrid(M), ShapeError, "meshgrid: tensors[0] has shape (3, 4)"),
        (lambda: cn.meshgrid(V, indexing="ab"), ValueError, "meshgrid: indexing is 'ab'"),
        (lambda: V.repeat_interleave(-1), ValueError, "repeat_interleave: repeats is -1"),
        (
            lambda: V.repeat_interleave(cn.tensor([1, 2])),
            ValueError,
            "repeat_interleave: repeats is int64 of shape (2,)",
        ),
        (lambda: M.mm(M), ShapeError, "mm: input has shape (3, 4), other (3, 4), which do not fit"),
        (lambda: M @ V.double(), DTypeError, "matmul: other is float64, expected float32"),
        (lambda: cn.bmm(M, M), ShapeError, "bmm: input has shape (3, 4), expected 3 dimensions"),
        (lambda: cn.addmm(X, M, M.t()), ShapeError, "addmm: "),
        (lambda: cn.outer(M, V), ShapeError, "outer: input has shape (3, 4)"),
        (lambda: cn.tensordot(M, V, 3), ShapeError, "tensordot: dims is 3"),
        (lambda: cn.cross(M.t()[:2, :2], M.t()[:2, :2]), ShapeError, "cross: no dimension"),
        (lambda: cn.chain_matmul(M, M), ShapeError, "chain_matmul: matrix 1 has shape (3, 4)"),
        (lambda: cn.linalg.multi_dot([M]), ValueError, "multi_dot: 1 tensors"),
        (lambda: cn.einsum("ij,jk", M), ValueError, "einsum: equation has 2 operands"),
        (lambda: cn.einsum("ij,jk", M, M), ShapeError, "einsum: a dimension has the sizes 4 and 3"),
        (lambda: cn.einsum("i", M), ShapeError, "einsum: the operand 'i' has shape (3, 4)"),
        (lambda: cn.einsum("i1", M), ValueError, "einsum: equation has the operand 'i1'"),
        (lambda: cn.einsum("ij->ii", M), ValueError, "einsum: equation has the result 'ii'"),
        (lambda: cn.einsum(M, [0, 99]), ValueError, "einsum: a list has 99"),
        (lambda: V.tril(), ShapeError, "tril: input has shape (4,)"),
        (lambda: X.trace(), ShapeError, "trace: input has shape (2, 3, 4)"),
        (lambda: cn.diag(X), ShapeError, "diag: input has shape (2, 3, 4)"),
        (lambda: cn.diag_embed(V, 0, 1, 1), ValueError, "diag_embed: dim1 and dim2 are both"),
        (lambda: F.pad(V, (1,)), ValueError, "pad: pad has 1 numbers"),
        (lambda: F.pad(V, (-3, -2)), ShapeError, "pad: pad (-3, -2) leaves no size"),
        (lambda: F.pad(V, (1, 1), "edge"), ValueError, "pad: mode is 'edge'"),
        (lambda: F.pad(X, (4, 0), "reflect"), ShapeError, "pad (4, 0) is too large"),
        (lambda: F.pad(V, (1, 1), "reflect"), ShapeError, "pad has 2 numbers for shape (4,)"),
        (lambda: F.pad(X, (1, 0), "reflect", 2.0), ValueError, "pad: value is 2.0"),
        (lambda: F.unfold(V, 1), ShapeError, "unfold: input has shape (4,)"),
        (lambda: F.unfold(IMAGE, 6), ShapeError, "unfold: windows of (6, 6)"),
        (lambda: F.unfold(IMAGE, 2, stride=0), ValueError, "unfold: stride is 0"),
        (lambda: F.fold(X, (4, 4), 2), ShapeError, "fold: input has shape (2, 3, 4)"),
        (lambda: F.pixel_shuffle(IMAGE, 2), ShapeError, "pixel_shuffle: input has 2 channels"),
        (lambda: F.pixel_unshuffle(IMAGE, 2), ShapeError, "pixel_unshuffle: input has images of"),
        (lambda: F.channel_shuffle(IMAGE, 3), ShapeError, "channel_shuffle: input has 2 channels"),
        (lambda: F.interpolate(IMAGE), ValueError, "interpolate: expected either size or"),
        (lambda: F.interpolate(IMAGE, 2, mode="cubic"), ValueError, "interpolate: mode is 'cubic'"),
        (lambda: F.interpolate(IMAGE, 2, mode="linear"), ShapeError, "expected 3 dimensions"),
        (lambda: F.interpolate(IMAGE, (1, 2, 3)), ValueError, "size is (1, 2, 3)"),
        (lambda: F.interpolate(IMAGE, 0), ValueError, "size is 0"),
        (lambda: F.interpolate(IMAGE, 2, align_corners=True), ValueError, "align_corners is True"),
        (
            lambda: F.interpolate(IMAGE, 2, mode="nearest", antialias=True),
            ValueError,
            "antialias expected mode 'bilinear' or 'bicubic'",
        ),
        (lambda: kernels.pad_constant(np.ones(3), [(-1, 0)]), ValueError, "padding[0] is (-1, 0)"),
        (lambda: kernels.pad_constant(np.ones(3), []), ShapeError, "padding has 0 pairs"),
        (lambda: kernels.pad_constant(np.ones(3), [(2**62, 2**62)]), ValueError, "pad_constant"),
        (lambda: kernels.overlap_add(np.ones(3), np.ones(2)), ShapeError, "source has shape (2,)"),
        (
            lambda: kernels.overlap_add(np.broadcast_to(np.ones(1), (3,)), np.ones(3)),
            ValueError,
            "target is read-only",
        ),
        (
            lambda: kernels.resample(
                np.ones((1, 2, 2)), [np.arange(3), np.array([0, 2]), np.ones(2)], sparse(np.eye(2))
            ),
            IndexError,
            "rows has the source 2, expected 0 <= source < 2",
        ),
        (
            lambda: kernels.resample(
                np.ones((1, 2, 2)), [np.arange(3), np.array([0]), np.ones(1)], sparse(np.eye(2))
            ),
            ValueError,
            "offsets that do not span",
        ),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_views_share_memory_and_copies_do_not():
    x = cn.arange(24).reshape(2, 3, 4)
    views = [x.permute(2, 0, 1), x.movedim(0, 1), x.narrow(1, 0, 2), x.select(0, 1), x.diagonal()]
    views += [x.unflatten(2, (2, 2)), x.mT, x.swapaxes(0, 1), *x.split(1), *x.chunk(2, 1)]
    assert all(np.shares_memory(view.numpy(), x.numpy()) for view in [*views, *x.unbind()])
    copies = [x.flip(0), x.roll(1, 0), x.repeat(1, 1, 1), x.tril(), x.rot90(4)]
    assert not any(np.shares_memory(copy.numpy(), x.numpy()) for copy in copies)
    x.diagonal().zero_()
    x.split(1, 2)[3].fill_(7)
    assert x[0, 0].tolist() == [0, 0, 0, 7]


def test_channels_last_stays_so():
    x = cn.zeros(2, 3, 4, 5).contiguous(memory_format=cn.channels_last)
    for y in (F.pad(x, (1, 1, 1, 1)), F.interpolate(x, scale_factor=2), cn.cat([x, x], 1)):
        assert y.is_contiguous(memory_format=cn.channels_last)


def test_empty_vectors_join_anything():
    x = cn.ones(2, 3)
    assert cn.cat([cn.zeros(0), x], 1).shape == (2, 3)
    assert cn.cat([x, cn.ones(1, 3, dtype=np.int64)]).dtype == np.float32
