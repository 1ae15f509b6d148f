"""Pictures of curves, confusion matrices and images."""

from __future__ import annotations

import numpy as np
import pytest

import cygnet
from cygnet.train import History

pytest.importorskip("matplotlib", reason="matplotlib draws the plots")

from cygnet.train import plot_confusion_matrix, plot_images, plot_misclassified
from cygnet.train.plots import plot_curves

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((6, 8, 8))
LABELS = np.array([0, 1, 2, 0, 1, 2])
TAKEN = np.array([0, 1, 1, 0, 2, 0])


def texts(panel):
    return [text.get_text() for text in panel.texts]


def test_curves_share_a_panel_with_their_validation(tmp_path):
    curves = {"loss": [1.0, 0.1], "val_loss": [1.1, 0.2], "accuracy": [0.5, 0.9], "val_f1": [0, 1]}
    figure = plot_curves([0, 1], curves, path=tmp_path / "curves.png")
    assert [panel.get_title() for panel in figure.axes] == ["loss", "accuracy", "f1"]
    assert [len(panel.lines) for panel in figure.axes] == [2, 1, 1]
    assert list(figure.axes[0].lines[0].get_xdata()) == [1, 2]
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_many_curves_fill_several_rows():
    figure = plot_curves([0], {f"figure_{i}": [1.0] for i in range(7)})
    assert len(figure.axes) == 7
    assert figure.get_figwidth() < 13 < figure.get_figheight() + 6


def test_logarithmic_panels():
    curves = {"loss": [1.0, 0.01], "accuracy": [0.5, 0.9], "gain": [-1.0, 100.0]}
    scales = [panel.get_yscale() for panel in plot_curves([0, 1], curves, log=True).axes]
    assert scales == ["log", "linear", "linear"]
    assert plot_curves([0, 1], curves).axes[0].get_yscale() == "linear"
    with_gap = {"loss": [float("nan"), 1.0, 0.001]}
    assert plot_curves([0, 1, 2], with_gap, log=True).axes[0].get_yscale() == "log"


def test_history_draws_chosen_metrics():
    history = History()
    history.append(0, {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0})
    assert [p.get_title() for p in history.plot(metrics=["loss"]).axes] == ["loss"]
    with pytest.raises(ValueError, match=r"History.plot: argument metrics expected some of loss"):
        history.plot(metrics=["auc"])


@pytest.mark.parametrize(
    "given",
    [
        ([[2, 0, 0], [0, 1, 1], [1, 1, 0]],),
        (LABELS, TAKEN),
        (cygnet.as_tensor(LABELS), np.eye(3)[TAKEN]),
        (LABELS.tolist(), TAKEN.tolist()),
    ],
)
def test_confusion_matrix_counts(given):
    panel = plot_confusion_matrix(*given).axes[0]
    assert texts(panel) == ["2", "1", "1", "1", "1"]
    assert panel.get_title() == "50 % right of 6"
    assert [label.get_text() for label in panel.get_yticklabels()] == ["0", "1", "2"]


def test_confusion_matrix_names_and_shares(tmp_path):
    words = np.array(["cat", "dog", "emu"])
    panel = plot_confusion_matrix(words[LABELS], words[TAKEN]).axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == list(words)
    shares = {
        "true": ["100", "50", "50", "50", "50"],
        "pred": ["67", "50", "100", "33", "50"],
        "all": ["33", "17", "17", "17", "17"],
    }
    for normalize, want in shares.items():
        figure = plot_confusion_matrix(LABELS, TAKEN, classes=words, normalize=normalize)
        assert texts(figure.axes[0]) == want
    small = plot_confusion_matrix([[9999, 1], [0, 1]], normalize="true").axes[0]
    assert texts(small) == ["99.9", "<.1", "100"]
    path = tmp_path / "matrix.svg"
    plot_confusion_matrix(RANDOM.integers(0, 99, 500), RANDOM.integers(0, 99, 500), path=path)
    assert path.read_text().count("<text") < 100  # no numbers in the cells of so many classes


@pytest.mark.parametrize(
    "shape", [(5, 7, 6), (5, 1, 7, 6), (5, 3, 7, 6), (5, 7, 6, 1), (5, 7, 6, 3), (5, 7, 6, 4)]
)
def test_images_of_every_layout(shape, tmp_path):
    figure = plot_images(RANDOM.standard_normal(shape), path=tmp_path / "images.png")
    assert len(figure.axes) == 5
    shown = figure.axes[0].images[0].get_array()
    assert shown.shape[:2] == (7, 6)
    assert shown.min() >= 0 and shown.max() <= 1


def test_images_of_bytes_keep_their_brightness():
    figure = plot_images(np.full((2, 3, 3), 51, np.uint8), titles=["a", "b"], columns=1)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), 0.2)
    assert figure.axes[1].get_title() == "b"
    both = np.zeros((2, 3, 5, 3))
    assert plot_images(both).axes[0].images[0].get_array().shape == (5, 3, 3)
    last = plot_images(both, channels_last=True)
    assert last.axes[0].images[0].get_array().shape == (3, 5, 3)


def test_misclassified_come_worst_first(tmp_path):
    shares = np.array(
        [[1, 0, 0], [0, 1, 0], [0.1, 0.5, 0.4], [1, 0, 0], [0, 0.2, 0.8], [0.999, 0, 0]]
    )
    figure = plot_misclassified(
        IMAGES, LABELS, TAKEN, shares, path=tmp_path / "wrong.png", classes=["a", "b", "c"]
    )
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["c as a\n99.9 %", "b as c\n80 %", "c as b\n50 %"]
    figure = plot_misclassified(IMAGES[:, None], LABELS, TAKEN, count=2)
    assert [panel.get_title() for panel in figure.axes] == ["2 as 1", "1 as 2"]
    assert figure.get_suptitle() == "3 of 6 wrong, the worst 2"
    nothing = plot_misclassified(IMAGES, LABELS, LABELS)
    assert not nothing.axes and nothing.texts[0].get_text() == "no mistake among 6"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_curves([], {"loss": []}), "no finished epoch"),
        (lambda: plot_confusion_matrix(np.ones((2, 3))), r"a matrix expected shape \(C, C\)"),
        (lambda: plot_confusion_matrix(LABELS, TAKEN[:3]), r"expected one shape \(N,\)"),
        (lambda: plot_confusion_matrix(LABELS, TAKEN, normalize="row"), "got 'row'"),
        (lambda: plot_confusion_matrix(LABELS, TAKEN, classes=["a"]), "expected 3 names, got 1"),
        (lambda: plot_images(np.ones((2, 2))), r"got \(2, 2\)"),
        (lambda: plot_images(np.ones((2, 5, 5, 5))), "with 1, 3 or 4 channels"),
        (lambda: plot_images(np.ones((0, 5, 5))), "is empty"),
        (lambda: plot_images(IMAGES, ["a"]), "expected 6 titles, got 1"),
        (lambda: plot_misclassified(IMAGES, LABELS, TAKEN[:2]), "expected one length"),
        (lambda: plot_misclassified(IMAGES, LABELS, TAKEN, LABELS), r"shape \(6, C\), got \(6,\)"),
        (lambda: plot_misclassified(IMAGES, LABELS, TAKEN, count=0), "at least 1, got 0"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
