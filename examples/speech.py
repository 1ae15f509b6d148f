"""Spoken digits, written out letter by letter.

    CYGNET_DATA=folder python examples/speech.py [--plot digit.png]

D. Amodei et al., "Deep Speech 2", ICML 2016, in small: log-mel frames, convolutions, bidirectional
recurrent layers, and CTC (A. Graves et al., ICML 2006), which needs no marks of where a letter is.
The network knows nothing of the ten words but their letters. The recordings are those of the Free
Spoken Digit Dataset, of six speakers; 0 to 4 of each speaker and digit are for testing. Training
hides bands and stretches of time (D. Park et al., "SpecAugment", Interspeech 2019).
"""

import argparse
import os
import time

import numpy as np

import cygnet as torch
import cygnet.nn as nn
import cygnet.nn.functional as F
import cygnet.optim as optim
from cygnet.data import BucketBatchSampler, Vocabulary, log_mel_spectrogram
from cygnet.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from cygnet.utils.data import DataLoader, Dataset

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
RATE = 8000  # Hz
MELS = 40
BLANK = 0


class SpokenDigits(Dataset):
    """Pairs of features (frames, MELS) and letter numbers."""

    def __init__(self, sounds, labels, letters, augment=False):
        self.features = [self.prepare(sound) for sound in sounds]
        self.targets = [torch.tensor(letters.encode(DIGITS[label])) for label in labels]
        self.augment = augment

    @staticmethod
    def prepare(sound):
        features = torch.tensor(log_mel_spectrogram(sound, RATE, MELS, floor=1e-8))
        return (features - features.mean()) / (features.std() + 1e-3)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        features = self.features[index]
        if self.augment:
            before, after, band, height, start, width = torch.rand(6).tolist()
            features = F.pad(features, (0, 0, int(10 * before), int(10 * after)))
            frames = len(features)
            band, start = int(band * MELS), int(start * frames)
            features[:, band : band + int(8 * height)] = 0.0
            features[start : start + int(0.15 * frames * width)] = 0.0
        return features, self.targets[index]


def collate(pairs):
    features, targets = zip(*pairs, strict=True)
    return (
        pad_sequence(features, batch_first=True),
        torch.tensor([len(each) for each in features]),
        pad_sequence(targets, batch_first=True),
        torch.tensor([len(each) for each in targets]),
    )


class DeepSpeech(nn.Module):
    def __init__(self, letters, channels, hidden, layers, dropout):
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(1, channels, (5, 7), stride=(2, 2), padding=(2, 3)),
                nn.Conv2d(channels, channels, (5, 5), stride=(1, 2), padding=(2, 2)),
            ]
        )
        self.gru = nn.GRU(
            channels * (MELS // 4),
            hidden,
            layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout,
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden, letters)

    def forward(self, features, lengths):
        """Logarithms of the letters' probabilities, (T, N, letters), and each row's T."""
        x = features.unsqueeze(1)
        lengths = (lengths + 1) // 2
        outside = torch.arange((x.size(2) + 1) // 2) >= lengths.unsqueeze(1)
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
            x = x.masked_fill(outside.view(len(x), 1, -1, 1), 0.0)  # silence is no padding's trace
        x = self.dropout(x.permute(0, 2, 1, 3).flatten(2))
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        x, _ = pad_packed_sequence(self.gru(packed)[0])
        return F.log_softmax(self.head(self.dropout(x)), dim=2), lengths


def decode(log_probabilities, lengths, letters):
    """The words, each step's most probable letter taken, repeats joined and blanks left out."""
    words = []
    for path, length in zip(log_probabilities.argmax(dim=2).t(), lengths.tolist(), strict=True):
        joined = torch.unique_consecutive(path[:length])
        words.append("".join(letters.decode(joined[joined != BLANK])))
    return words


@torch.no_grad()
def evaluate(model, loader, letters):
    """The share of words that are right to the letter, and what was understood, in order."""
    model.eval()
    heard, right = [], []
    for features, lengths, targets, target_lengths in loader:
        heard += decode(*model(features, lengths), letters)
        for target, length in zip(targets, target_lengths.tolist(), strict=True):
            right.append("".join(letters.decode(target[:length])))
    model.train()
    return sum(a == b for a, b in zip(heard, right, strict=True)) / len(right), heard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--rate", type=float, default=2e-3, help="the greatest learning rate")
    parser.add_argument("--short", action="store_true", help="two speakers, for tests")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()
    if options.short:
        options.epochs, options.batch, options.rate = 12, 16, 5e-3
        options.channels, options.hidden, options.dropout = 8, 64, 0.0

    folder = os.environ.get("CYGNET_DATA")
    if folder is None:
        parser.error("the variable CYGNET_DATA must name the folder with audio/fsdd.npz")
    with np.load(f"{folder}/audio/fsdd.npz") as file:
        sounds = np.split(file["samples"], file["offsets"][1:-1])
        labels, index, speaker = file["label"], file["index"], file["speaker"]
    letters = Vocabulary("".join(DIGITS), specials=["<blank>"])
    chosen = np.isin(speaker, ["jackson", "theo"]) if options.short else np.full(len(labels), True)

    def part(which, **arguments):
        numbers = np.flatnonzero(which & chosen)
        return SpokenDigits([sounds[i] for i in numbers], labels[numbers], letters, **arguments)

    train, test = part(index >= 5, augment=True), part(index < 5)
    torch.manual_seed(1)
    batches = BucketBatchSampler(
        [len(features) for features in train.features], options.batch, bucket_width=10
    )
    train_loader = DataLoader(train, batch_sampler=batches, collate_fn=collate)
    test_loader = DataLoader(test, batch_size=100, collate_fn=collate)

    model = DeepSpeech(
        len(letters), options.channels, options.hidden, options.layers, options.dropout
    )
    print(
        f"{len(train):,} recordings to learn from, {len(test)} for the test, "
        f"{sum(p.numel() for p in model.parameters()):,} parameters"
    )
    optimizer = optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.01)
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.rate, total_steps=options.epochs * len(train_loader)
    )
    began = time.perf_counter()
    for epoch in range(1, options.epochs + 1):
        total = 0.0
        for features, lengths, targets, target_lengths in train_loader:
            log_probabilities, steps = model(features, lengths)
            loss = F.ctc_loss(
                log_probabilities, targets, steps, target_lengths, blank=BLANK, zero_infinity=True
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        right, heard = evaluate(model, test_loader, letters)
        print(
            f"epoch {epoch}  loss {total / len(train_loader):.3f}  {right:.1%} of the test words "
            f"right  {time.perf_counter() - began:.0f} s"
        )

    misheard = [
        f"{DIGITS[label]} as {word or 'nothing'}"
        for label, word in zip(labels[(index < 5) & chosen], heard, strict=True)
        if word != DIGITS[label]
    ]
    print(
        f"test: {right:.2%} of {len(test)} words right; misheard: {', '.join(misheard) or 'none'}"
    )

    if options.plot:
        import matplotlib.pyplot as plt

        features = test[labels[(index < 5) & chosen].tolist().index(7)][0]
        model.eval()
        with torch.no_grad():
            found, _ = model(features.unsqueeze(0), torch.tensor([len(features)]))
        figure, (top, bottom) = plt.subplots(2, 1, figsize=(6, 6), layout="constrained")
        top.imshow(features.t().numpy(), origin="lower", aspect="auto")
        top.set(xlabel="frame of 10 ms", ylabel="mel band", title="seven")
        bottom.imshow(found[:, 0].exp().t().numpy(), aspect="auto", cmap="Greys")
        bottom.set_yticks(range(len(letters)), letters.get_itos(), fontsize="small")
        bottom.set(xlabel="step of 20 ms", title="probability of each letter")
        figure.savefig(options.plot, dpi=100)

    assert right >= (0.5 if options.short else 0.95), f"{right:.2%} of the words right"


if __name__ == "__main__":
    main()
