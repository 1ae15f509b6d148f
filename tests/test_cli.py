"""The command line, in processes of its own."""

import csv
import os
import subprocess
import sys

import pytest

from cygnet import cli
from cygnet.io import load_safetensors


def run(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "cygnet", *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_train_on_digits(tmp_path):
    result = run("train", "--epochs", "2", "--out", "run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Sequential, input (1, 1, 8, 8)")
    assert sum(line.startswith("epoch ") for line in lines) == 2
    assert any("test accuracy 0.9" in line for line in lines)
    assert "1.weight" in load_safetensors(tmp_path / "run" / "model.safetensors")
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["epoch", "0", "1"]


def test_every_option_and_the_same_seed(tmp_path):
    options = ["train", "--model", "mlp", "--data", "digits", "--epochs", "1"]
    options += ["--batch-size", "64", "--lr", "0.01", "--optimizer", "sgd"]
    options += ["--schedule", "constant", "--seed", "5"]
    weights = []
    for threads in ("1", "2"):
        result = run(*options, "--threads", threads, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        weights.append((tmp_path / "cygnet-run" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_plot_is_written_with_matplotlib(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib draws the plot")
    assert cli.main(["train", "--model", "mlp", "--epochs", "1", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "history.png").stat().st_size > 1000


def test_info(tmp_path):
    result = run("info", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "cygnet" in result.stdout.lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--epochs", "0"], "argument --epochs: expected a positive int, got '0'"),
        (["train", "--lr", "nan"], "argument --lr: expected a positive float, got 'nan'"),
        (["train", "--lr", "fast"], "argument --lr: expected a positive float, got 'fast'"),
        (["train", "--batch-size", "1.5"], "expected a positive int, got '1.5'"),
        (["train", "--seed", "-1"], "argument --seed"),
        (["train", "--model", "vgg"], "invalid choice: 'vgg'"),
        ([], "required: command"),
    ],
)
def test_wrong_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    result = run("train", "--epochs", "1", "--out", "file/run", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("cygnet train: ")
    assert len(result.stderr.splitlines()) == 1


def test_damaged_data_are_one_line(tmp_path):
    (tmp_path / "mnist").mkdir()
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "mnist" / f"{part}-ubyte.gz").write_bytes(b"not gzip")
    result = run("train", "--data", "mnist", cwd=tmp_path, CYGNET_DATA=str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.startswith("cygnet train: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
def test_defaults_reach_their_accuracy(tmp_path):
    result = run("train", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    line = next(line for line in result.stdout.splitlines() if "test accuracy" in line)
    assert float(line.split()[-1]) >= 0.975
