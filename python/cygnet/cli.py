"""The command line: ``cygnet train`` and ``cygnet info``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cygnet.train import History

__all__ = ["main"]


@dataclass(frozen=True)
class _Defaults:
    """What a run of a model on a data set takes if nothing else is said."""

    epochs: int
    batch_size: int
    max_lr: float  # of the one-cycle schedule with Adam
    lr: float  # of a constant rate with Adam


_DEFAULTS = {
    ("digits", "lenet"): _Defaults(epochs=15, batch_size=32, max_lr=5e-3, lr=1e-3),
    ("digits", "mlp"): _Defaults(epochs=30, batch_size=32, max_lr=5e-3, lr=1e-3),
    ("mnist", "lenet"): _Defaults(epochs=3, batch_size=100, max_lr=5e-3, lr=1e-3),
    ("mnist", "mlp"): _Defaults(epochs=3, batch_size=100, max_lr=4e-3, lr=1e-3),
}
_SGD_FACTOR = 10  # SGD with momentum 0.9 takes rates this much higher than Adam's


def _positive(kind: type[int] | type[float]) -> Any:
    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = kind(0)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"expected a positive {kind.__name__}, got {text!r}")
        return value

    return parse


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"expected an int from 0 to 2^63 - 1, got {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cygnet", description="Deep learning on the CPU: small, exact, fast."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    train = commands.add_parser(
        "train",
        help="train a small network on handwritten digits",
        description="Train a small network on handwritten digits, test it and save it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    train.add_argument("--model", choices=["lenet", "mlp"], default="lenet", help="the network")
    train.add_argument(
        "--data",
        choices=["digits", "mnist"],
        default="digits",
        help="1,797 images of 8x8 pixels that come with Cygnet, or 70,000 of 28x28",
    )
    suited = argparse.SUPPRESS  # the default depends on model and data
    suit = "(default: one that suits model and data)"
    for name, kind, text in (
        ("--epochs", int, "passes through the training data"),
        ("--batch-size", int, "images a step"),
        ("--lr", float, "learning rate; with onecycle its maximum"),
    ):
        train.add_argument(
            name, type=_positive(kind), default=suited, metavar="N", help=f"{text} {suit}"
        )
    train.add_argument(
        "--optimizer", choices=["adam", "adamw", "sgd"], default="adam", help="sgd has momentum 0.9"
    )
    train.add_argument(
        "--schedule",
        choices=["onecycle", "constant"],
        default="onecycle",
        help="of the learning rate",
    )
    train.add_argument("--seed", type=_seed, default=0, metavar="N", help="of all random numbers")
    train.add_argument(
        "--threads", type=_positive(int), default=suited, metavar="N", help="(default: all cores)"
    )
    train.add_argument(
        "--out", type=Path, default=Path("cygnet-run"), metavar="DIR", help="where results go"
    )
    commands.add_parser("info", help="print version, instruction set, threads and compiler")
    return parser


def _train(options: argparse.Namespace) -> int:
    import cygnet
    from cygnet import data, io, models, nn, optim
    from cygnet.nn.summary import summary
    from cygnet.train import Trainer

    defaults = _DEFAULTS[options.data, options.model]
    epochs = getattr(options, "epochs", defaults.epochs)
    batch_size = getattr(options, "batch_size", defaults.batch_size)
    lr = getattr(options, "lr", None)
    if lr is None:
        lr = defaults.lr if options.schedule == "constant" else defaults.max_lr
        if options.optimizer == "sgd":
            lr *= _SGD_FACTOR
    if hasattr(options, "threads"):
        cygnet.set_num_threads(options.threads)
    cygnet.manual_seed(options.seed)

    load = data.digits if options.data == "digits" else data.mnist
    training, test = load(split="train"), load(split="test")
    options.out.mkdir(parents=True, exist_ok=True)
    images = training.tensors[0].numpy()
    shape = images.shape[1:]
    model = nn.Sequential(
        models.Standardize(float(images.mean()), float(images.std())),
        *getattr(models, options.model)(shape),
    )
    print(summary(model, shape), flush=True)
    parameters = list(model.parameters())
    optimizer: Any
    if options.optimizer == "sgd":
        optimizer = optim.SGD(parameters, lr=lr, momentum=0.9)
    else:
        kind = optim.AdamW if options.optimizer == "adamw" else optim.Adam
        optimizer = kind(parameters, lr=lr)
    scheduler = None
    if options.schedule == "onecycle":
        steps = epochs * -(-len(training) // batch_size)
        scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, scheduler=scheduler)
    interrupted = False
    try:
        trainer.fit(training, epochs=epochs, batch_size=batch_size)
    except KeyboardInterrupt:
        interrupted = True
        print("\ninterrupted: the network as it stands is tested and saved", flush=True)
    result = trainer.evaluate(test)
    print(f"test loss {result['loss']:.4f}  test accuracy {result['accuracy']:.4f}")

    weights = options.out / "model.safetensors"
    io.save_safetensors(model.state_dict(), weights)
    _write_history(trainer.history, options.out)
    print(f"saved in {options.out}{'/' if options.out.name else ''}")
    return 130 if interrupted else 0


def _write_history(history: History, folder: Path) -> None:
    history.to_csv(folder / "history.csv")
    if history.epoch:
        try:
            history.plot(folder / "history.png")
        except ImportError:
            print("history.png is left out: it needs matplotlib (pip install cygnet[plot])")


def _info() -> int:
    import cygnet

    cygnet.show_config()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        The exit code: 0, 2 for wrong arguments or missing data, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        return _train(options) if options.command == "train" else _info()
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError, ImportError, MemoryError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        print(f"cygnet {options.command}: {text}", file=sys.stderr)
        return 2
