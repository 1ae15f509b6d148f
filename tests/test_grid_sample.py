"""What the rows of `grid_sample` and its kin cannot hold: odd places, fill modes, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import kernels
from cygnet.nn import functional

IMAGE = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
GRID = np.zeros((1, 2, 2, 2), np.float32)
STILL = np.array([[1, 0, 0, 0, 1, 0, 0, 0]], np.float32)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_the_grid_of_no_transform_gives_the_image(mode: str) -> None:
    theta = cygnet.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    for align in (False, True):
        grid = functional.affine_grid(theta, (1, 1, 3, 4), align)
        same = functional.grid_sample(cygnet.tensor(IMAGE), grid, mode, align_corners=align)
        np.testing.assert_allclose(same.numpy(), IMAGE, atol=2e-5)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_places_that_are_no_numbers_read_nothing_outside(mode: str, padding: str) -> None:
    for value in (np.inf, -np.inf, 1e30, -1e30, 3e9):
        result = kernels.grid_sample_forward(IMAGE, GRID + np.float32(value), mode, padding)
        if padding == "zeros":
            np.testing.assert_array_equal(result, 0)
    nan = kernels.grid_sample_forward(IMAGE, GRID * np.nan, mode, padding)
    np.testing.assert_array_equal(nan, kernels.grid_sample_forward(IMAGE, GRID - 1, mode, padding))


@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "reflect", "wrap"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_transforms_to_nowhere_fill(fill_mode: str, interpolation: str) -> None:
    nowhere = STILL.copy()
    nowhere[0, 6:] = -1, -1  # k = 0 where x + y = 1
    for transforms in (nowhere, STILL * np.nan, STILL * 1e30, STILL + np.inf):
        result = kernels.projective_transform_forward(
            IMAGE, transforms, interpolation, fill_mode, 5.0
        )
        assert result.shape == IMAGE.shape
        if transforms is nowhere:
            assert result[0, 0, 0, 1] == result[0, 0, 1, 0] == 5


def test_directions_of_fill_modes() -> None:
    """Two columns to the right: what comes in from the left."""
    moved = STILL.copy()
    moved[0, 2] = -2
    rows = {
        mode: kernels.projective_transform_forward(IMAGE, moved, "nearest", mode, 9)[0, 0, 0]
        for mode in ("constant", "nearest", "reflect", "wrap")
    }
    assert {mode: row.tolist() for mode, row in rows.items()} == {
        "constant": [9, 9, 0, 1],
        "nearest": [0, 0, 0, 1],
        "reflect": [1, 0, 0, 1],
        "wrap": [2, 3, 0, 1],
    }


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda f: f.grid_sample(IMAGE[0], GRID), ValueError, "input has shape"),
        (lambda f: f.grid_sample(IMAGE[None], GRID), NotImplementedError, "volumes"),
        (lambda f: f.grid_sample(IMAGE, GRID[..., :1]), ValueError, "grid has shape (1, 2, 2, 1)"),
        (lambda f: f.grid_sample(IMAGE, GRID[:0]), ValueError, "expected (1, rows, columns, 2)"),
        (lambda f: f.grid_sample(IMAGE[:, :, :0], GRID), ValueError, "at least one row"),
        (lambda f: f.grid_sample(IMAGE, GRID.astype(float)), TypeError, "grid"),
        (lambda f: f.grid_sample(IMAGE.astype(int), GRID), TypeError, "input"),
        (lambda f: f.grid_sample(IMAGE, GRID, "cubic"), ValueError, "mode is 'cubic'"),
        (lambda f: f.grid_sample(IMAGE, GRID, "nearest", "wrap"), ValueError, "padding_mode is"),
        (lambda f: f.grid_sample(IMAGE, [1.0]), TypeError, "grid must be a Tensor"),
        (lambda f: f.affine_grid(STILL, (1, 1, 2, 2)), ValueError, "theta has shape (1, 8)"),
        (lambda f: f.affine_grid(STILL, (1, 1, 2)), ValueError, "size is (1, 1, 2)"),
        (lambda f: f.affine_grid(STILL, (1, 1, 0, 2)), ValueError, "each at least 1"),
        (lambda f: f.affine_grid(STILL, (1, 1, 2, 2, 2)), NotImplementedError, "volumes"),
        (lambda f: f.affine_grid(STILL.astype(int), (1, 1, 2, 2)), TypeError, "theta is int64"),
    ],
)
def test_bad_arguments(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call(functional)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("transforms", "options", "error", "text"),
    [
        (STILL[0], {}, ValueError, "transforms"),
        (STILL[:, :6], {}, ValueError, "transforms has shape (1, 6)"),
        (STILL.astype(float), {}, TypeError, "transforms"),
        (STILL, {"interpolation": "cubic"}, ValueError, "interpolation is 'cubic'"),
        (STILL, {"fill_mode": "mirror"}, ValueError, "fill_mode is 'mirror'"),
    ],
)
def test_bad_transforms(transforms: Any, options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        cygnet.ops.projective_transform(IMAGE, transforms, **options)
    assert text in str(caught.value)
