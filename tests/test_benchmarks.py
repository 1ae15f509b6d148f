"""The benchmark suite runs by itself, without peers."""

import json
import math
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from benchmarks.__main__ import line
from benchmarks.machine import Machine
from benchmarks.networks import NETWORKS, channels_last_weights, output_shape, weights_of
from benchmarks.operations import OPERATIONS
from benchmarks.recurrent import RECURRENT, lengths_of
from benchmarks.recurrent import weights_of as recurrent_weights_of
from benchmarks.roofline import kernels_of, recurrent_kernels_of
from benchmarks.workers import differ


def run(*arguments):
    """The suite in a process, with few samples."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=Path(__file__).parent.parent,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_an_operation_is_timed_recorded_and_compared(tmp_path):
    record = tmp_path / "figures.json"
    options = ["ops", "--filter", "gemm-64", "--seconds", "0.01", "--json", str(record)]
    first = run(*options)
    assert first.returncode == 0, first.stderr
    figures = json.loads(record.read_text())
    row = figures["workloads"]["gemm-64"]
    own = row["frameworks"]["cygnet"]
    assert own["p10"] <= own["median"] <= own["p90"]
    assert row["flops"] == 2 * 64**3
    assert 0 < row["limit"] < 1e-3
    again = run(*options, "--compare", str(record))
    assert again.returncode == 0, again.stderr
    assert "vs old" in again.stdout


@pytest.mark.parametrize("kind", ["train", "infer"])
def test_a_network_is_timed(kind):
    result = run(kind, "--filter", "mlp", "--seconds", "0.01")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith("mlp ")


def test_variants_can_be_left_out(tmp_path):
    record = tmp_path / "figures.json"
    for without, variant in (("compile", "captured"), ("captured", "eager")):
        options = ["--without", without, "--seconds", "0.01", "--json", str(record)]
        result = run("train", "--filter", "mlp", *options)
        assert result.returncode == 0, result.stderr
        row = json.loads(record.read_text())["workloads"]["mlp"]
        assert row["frameworks"]["cygnet"]["variant"] == variant


def test_the_best_of_several_peers_is_named():
    times = {"cygnet": 1e-3, "torch": 3e-3, "jax": 2e-3}
    frameworks = {
        name: {"p10": seconds, "median": seconds, "p90": seconds, "variant": ""}
        for name, seconds in times.items()
    }
    costs = {"flops": 0.0, "bytes": 0.0, "limit": 0.0}
    row = {"frameworks": frameworks, "machine": asdict(Machine(1.0, 1.0)), **costs}
    assert line("mlp", row, {}).split()[-2:] == ["2.00x", "jax"]


@pytest.mark.skipif(
    sys.platform != "linux" or not which("cc"),
    reason="allocations are counted with GNU C's library",
)
def test_a_replay_is_timed_and_counted():
    result = run("replay", "--filter", "add|mlp", "--seconds", "0.01")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert any(text.startswith("add ") for text in lines)
    name, faults, allocations, objects, kept, _, _ = lines[-1].split()
    assert name == "mlp"
    assert float(faults) < 0.1
    assert float(allocations) < 8  # the loss that is handed out, whose memory is the pool's
    assert float(objects) < 64
    assert abs(float(kept)) < 0.1


def test_the_start_of_a_process_is_timed():
    result = run("start", "--without", "captured")
    assert result.returncode == 0, result.stderr
    framework, variant, total, *phases = result.stdout.splitlines()[-1].split()
    assert (framework, variant) == ("cygnet", "eager")
    assert 0 < sum(map(float, phases)) < 2 * float(total)


def test_threads_get_the_bits_of_one_caller():
    result = run("threads", "--filter", "lenet$", "--seconds", "0.05")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[-5] == "lenet"
    assert result.stdout.split()[-1] == "same"


def test_exactness_is_printed():
    result = run("exact", "--filter", "relu-512KB")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[-4:] == ["relu-512KB", "131072", "0.000", "same"]


def test_a_peer_that_is_missing_ends_with_a_clear_message(tmp_path):
    result = run("ops", "--peer", "torch", "--peer-python", str(tmp_path / "python"))
    assert result.returncode == 1
    assert "torch" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_plot_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib draws the plot")
    from benchmarks.plot import roofline

    machine = Machine(4e11, 5e10)
    rows = {
        name: {
            "flops": row.flops,
            "bytes": row.bytes,
            "limit": limit,
            "machine": asdict(machine),
            "frameworks": {"cygnet": {"median": limit}},
        }
        for name, row in OPERATIONS.items()
        for limit in [machine.limit(row.flops, row.bytes)]
    }
    roofline(rows, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000


def test_networks_are_what_they_are_called():
    resnet = NETWORKS["resnet18"]
    assert sum(w.size for w in weights_of(resnet)) == 11_173_962
    assert sum(k.flops for k in kernels_of(resnet, 1, training=False)) == pytest.approx(
        2 * 0.556e9, rel=2e-3
    )
    shape = (2, 1, 28, 28)
    for layer in NETWORKS["autoencoder"].layers:
        shape = output_shape(layer, shape)
    assert shape == (2, 1, 28, 28)


def test_the_roofline_of_a_step_counts_every_kernel():
    mlp = NETWORKS["mlp"]
    kernels = {k.name: k for k in kernels_of(mlp, 32, training=True)}
    assert kernels["relu forward"].bytes == 0  # in the product
    assert kernels["relu backward"].bytes == 4 * 32 * 128
    assert kernels["adam"].bytes == 28 * (784 * 128 + 128 + 128 * 10 + 10)
    products = [k.flops for k in kernels_of(mlp, 32, training=True) if k.flops]
    # The first layer's input needs no gradient.
    assert sum(products) == 2 * 32 * (2 * 784 * 128 + 3 * 128 * 10)
    relu = [k.bytes for k in kernels_of(NETWORKS["cnn"], 128, True) if k.name.startswith("relu")]
    assert relu == [0, 0, 0, 0, 0, 4 * 128 * 64]  # two are before poolings


@pytest.mark.parametrize("name", NETWORKS)
def test_channels_last_weights_are_the_same_numbers(name):
    plain, moved = weights_of(NETWORKS[name]), channels_last_weights(NETWORKS[name])
    for a, b in zip(plain, moved, strict=True):
        assert math.prod(a.shape) == math.prod(b.shape)
        assert np.array_equal(np.sort(a.ravel()), np.sort(b.ravel()))


def test_the_roofline_of_a_recurrent_network_counts_the_steps_that_there_are():
    row, padded = RECURRENT["lstm"], RECURRENT["lstm-lengths"]
    layers = 64 * 1024 + 3 * 256 * 1024
    flops = sum(k.flops for k in recurrent_kernels_of(row, 32, training=False))
    assert flops == 2 * 64 * 32 * (layers + 256 * 65)
    steps = lengths_of(padded, 32)
    assert (steps.min() >= 8) and (steps.max() <= 64)
    trained = sum(k.flops for k in recurrent_kernels_of(padded, 32, training=True))
    assert trained == 3 * 2 * int(steps.sum()) * (layers + 256 * 65)
    assert sum(w.size for w in recurrent_weights_of(row)) == 65 * 64 + layers + 4096 + 257 * 65


def test_results_that_differ_are_found():
    ones = np.ones(3, np.float32)
    assert not differ([ones], [ones + 1e-6], 1e-4)
    assert "differ" in differ([ones], [ones + 1e-3], 1e-4)
    assert "differ" in differ([ones], [ones * np.nan], 1e-4)
    assert "numbers" in differ([ones], [ones[:2]], 1e-4)
    assert "results" in differ([ones], [], 1e-4)
