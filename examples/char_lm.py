"""A recurrent network that writes Shakespeare, character by character.

    CYGNET_DATA=folder python examples/char_lm.py [--cell gru] [--plot curve.png]

Truncated back-propagation through time with the state carried on: the text is cut into as many
streams as a batch has rows, and each batch goes on where the last one stopped. A. Graves,
"Generating sequences with recurrent neural networks", arXiv 1308.0850, sections 2 and 3; the text
is the 1.1 million characters of Karpathy's char-rnn.
"""

import argparse
import gzip
import math
import os
import time

import cygnet as torch
import cygnet.nn as nn
import cygnet.nn.functional as F
import cygnet.optim as optim
from cygnet.data import Vocabulary

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
RATES = {"lstm": 4e-3, "gru": 3e-3, "rnn": 1e-3}
BITS = {"lstm": 2.25, "gru": 2.25, "rnn": 2.45}  # what training must reach


class CharacterModel(nn.Module):
    def __init__(self, cell, vocabulary, embedding, hidden, layers, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.recurrent = CELLS[cell](embedding, hidden, layers, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, x, state=None):
        """Logits (T, B, vocabulary) of the characters after x (T, B), and the state at the end."""
        output, state = self.recurrent(self.embedding(x), state)
        return self.head(self.dropout(output)), state


def detach(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def batches(data, streams, length, shift=0):
    """(inputs, targets), each (length, streams), that follow one another; `shift` characters at
    the beginning are left out.
    """
    rows = (len(data) - 1 - shift) // streams
    end = shift + rows * streams
    x = data[shift:end].view(streams, rows).t()
    y = data[shift + 1 : end + 1].view(streams, rows).t()
    for begin in range(0, rows, length):
        yield x[begin : begin + length], y[begin : begin + length]


def loss_of(logits, targets, reduction="mean"):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)


@torch.no_grad()
def evaluate(model, data, streams, length):
    """Nats a character, the state carried through each stream."""
    model.eval()
    total, count, state = 0.0, 0, None
    for x, y in batches(data, streams, length):
        logits, state = model(x, state)
        total += loss_of(logits, y, "sum").item()
        count += y.numel()
    model.train()
    return total / count


@torch.no_grad()
def write(model, start, count, temperature):
    """`count` character numbers after the number `start`."""
    model.eval()
    x, state, written = torch.tensor([[start]]), None, []
    for _ in range(count):
        logits, state = model(x, state)
        probabilities = F.softmax(logits[-1] / temperature, dim=-1)
        x = torch.multinomial(probabilities, num_samples=1)
        written.append(x.item())
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", choices=sorted(CELLS), default="lstm")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--embedding", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=64, help="characters between two updates")
    parser.add_argument("--rate", type=float, default=None, help="the greatest learning rate")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--short", action="store_true", help="a smaller network, for tests")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()
    if options.short:
        options.epochs, options.length, options.hidden, options.dropout = 3, 32, 96, 0.0

    folder = os.environ.get("CYGNET_DATA")
    if folder is None:
        parser.error(
            "the variable CYGNET_DATA must name the folder with text/tinyshakespeare.txt.gz"
        )
    with gzip.open(f"{folder}/text/tinyshakespeare.txt.gz", "rt", encoding="utf-8") as file:
        text = file.read()
    vocabulary = Vocabulary(text)
    data = torch.tensor(vocabulary.encode(text))
    train, validation = data[: int(0.9 * len(data))], data[int(0.9 * len(data)) :]
    if options.short:
        train, validation = train[:300_000], validation[:20_000]

    torch.manual_seed(1337)
    model = CharacterModel(
        options.cell,
        len(vocabulary),
        options.embedding,
        options.hidden,
        options.layers,
        options.dropout,
    )
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")

    steps = options.epochs * math.ceil(len(train) / options.batch / options.length)
    rate = options.rate or RATES[options.cell]
    optimizer = optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.99))
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=rate, total_steps=steps, pct_start=0.1
    )
    began, curve = time.perf_counter(), []
    for epoch in range(1, options.epochs + 1):
        total, count, state = 0.0, 0, None
        shift = int(torch.randint(options.length, (1,)))
        for x, y in batches(train, options.batch, options.length, shift):
            logits, state = model(x, state)
            state = detach(state)
            loss = loss_of(logits, y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
            count += 1
        reached = evaluate(model, validation, options.batch, options.length) / math.log(2)
        curve.append((time.perf_counter() - began, total / count / math.log(2), reached))
        print(
            f"epoch {epoch}  training {curve[-1][1]:.3f}  validation {reached:.3f} bits a "
            f"character  {curve[-1][0]:.0f} s"
        )

    print(f"validation: {reached:.3f} bits a character after {curve[-1][0]:.0f} s")
    count = 60 if options.short else 500
    written = write(model, vocabulary["\n"], count, options.temperature)
    print("".join(vocabulary.decode(written)))

    if options.plot:
        import matplotlib.pyplot as plt

        seconds, training, unseen = zip(*curve, strict=True)
        figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
        axes.plot([s / 60 for s in seconds], training, label="training text, with dropout")
        axes.plot([s / 60 for s in seconds], unseen, label="unseen text")
        axes.set(xlabel="minutes", ylabel="bits a character", title=options.cell.upper())
        axes.legend()
        figure.savefig(options.plot, dpi=100)

    assert reached < (3.0 if options.short else BITS[options.cell]), (
        f"{reached:.3f} bits a character"
    )


if __name__ == "__main__":
    main()
