"""Recurrent networks: language models with carried states, a tagger of packed sequences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.programs.data import WORDS, sentences


def lstm_language_model(torch: Any) -> Iterator[Any]:
    """See `language_model`."""
    return language_model(torch, "LSTM", 10.0)


def gru_language_model(torch: Any) -> Iterator[Any]:
    """See `language_model`."""
    return language_model(torch, "GRU", 5.0, tie_weights=True)


def rnn_language_model(torch: Any) -> Iterator[Any]:
    """See `language_model`."""
    return language_model(torch, "RNN_RELU", 2.0)


def language_model(
    torch: Any, rnn_type: str, lr: float, tie_weights: bool = False
) -> Iterator[Any]:
    """Truncated back-propagation, whose states go on from batch to batch; gives the loss, the norm
    of the gradient and the perplexity.
    """
    nn, F = torch.nn, torch.nn.functional

    class RNNModel(nn.Module):
        def __init__(self, rnn_type, ntoken, ninp, nhid, nlayers, dropout):
            super().__init__()
            self.ntoken = ntoken
            self.drop = nn.Dropout(dropout)
            self.encoder = nn.Embedding(ntoken, ninp)
            if rnn_type in ("LSTM", "GRU"):
                self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers, dropout=dropout)
            else:
                nonlinearity = {"RNN_TANH": "tanh", "RNN_RELU": "relu"}[rnn_type]
                self.rnn = nn.RNN(ninp, nhid, nlayers, nonlinearity=nonlinearity, dropout=dropout)
            self.decoder = nn.Linear(nhid, ntoken)
            if tie_weights:
                self.decoder.weight = self.encoder.weight
            nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
            nn.init.zeros_(self.decoder.bias)
            nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
            self.rnn_type, self.nhid, self.nlayers = rnn_type, nhid, nlayers

        def forward(self, input, hidden):
            emb = self.drop(self.encoder(input))
            output, hidden = self.rnn(emb, hidden)
            decoded = self.decoder(self.drop(output)).view(-1, self.ntoken)
            return F.log_softmax(decoded, dim=1), hidden

        def init_hidden(self, bsz):
            weight = next(self.parameters())
            if self.rnn_type == "LSTM":
                return (
                    weight.new_zeros(self.nlayers, bsz, self.nhid),
                    weight.new_zeros(self.nlayers, bsz, self.nhid),
                )
            return weight.new_zeros(self.nlayers, bsz, self.nhid)

    def repackage_hidden(h):
        return h.detach() if isinstance(h, torch.Tensor) else tuple(map(repackage_hidden, h))

    def batchify(data, bsz):
        nbatch = data.size(0) // bsz
        return data.narrow(0, 0, nbatch * bsz).view(bsz, -1).t().contiguous()

    def get_batch(source, i):
        length = min(bptt, len(source) - 1 - i)
        return source[i : i + length], source[i + 1 : i + 1 + length].view(-1)

    bptt, best = 15, None
    train_data = batchify(torch.from_numpy(sentences(640)).long(), 16)
    val_data = batchify(torch.from_numpy(sentences(64)).long(), 8)
    model = RNNModel(rnn_type, len(WORDS), 32, 32, 2, 0.1)
    criterion = nn.NLLLoss()
    yield [model]

    def evaluate(source):
        model.eval()
        total, hidden = 0.0, model.init_hidden(8)
        with torch.no_grad():
            for i in range(0, source.size(0) - 1, bptt):
                data, targets = get_batch(source, i)
                output, hidden = model(data, hidden)
                hidden = repackage_hidden(hidden)
                total += len(data) * criterion(output, targets).item()
        return total / (len(source) - 1)

    for _ in range(20):
        model.train()
        hidden = model.init_hidden(16)
        for i in range(0, train_data.size(0) - 1, bptt):
            data, targets = get_batch(train_data, i)
            model.zero_grad()
            hidden = repackage_hidden(hidden)
            output, hidden = model(data, hidden)
            loss = criterion(output, targets)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            for p in model.parameters():
                p.data.add_(p.grad, alpha=-lr)
            yield loss.item(), norm.item(), math.exp(loss.item())
        loss = evaluate(val_data)
        if best is not None and loss >= best:
            lr /= 4.0
        best = loss if best is None else min(best, loss)
    yield loss, 0.0, math.exp(loss)


def packed_tagger(torch: Any) -> Iterator[Any]:
    """A bidirectional LSTM says of each number whether it came before or comes again, and of each
    sequence whether it is longer than most; the sequences are packed.
    """
    nn, F = torch.nn, torch.nn.functional
    rnn = nn.utils.rnn

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(6, 12, padding_idx=5)
            self.lstm = nn.LSTM(12, 32, batch_first=True, bidirectional=True)
            self.tags = nn.Linear(64, 2)
            self.whole = nn.Linear(64, 2)

        def forward(self, padded, lengths):
            embedded = self.embedding(padded)
            packed = rnn.pack_padded_sequence(
                embedded, lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            output, (h_n, _) = self.lstm(packed)
            output, _ = rnn.pad_packed_sequence(output, batch_first=True)
            return self.tags(output), self.whole(torch.cat((h_n[-2], h_n[-1]), dim=1))

    draws = np.random.default_rng(2)

    def batch():
        sequences = [draws.integers(0, 5, draws.integers(2, 12)) for _ in range(24)]
        tags = [np.array([(a == b).sum() > 1 for b in a]).astype(np.int64) for a in sequences]
        inputs = [torch.from_numpy(a) for a in sequences]
        lengths = torch.tensor([len(a) for a in inputs])
        padded = rnn.pad_sequence(inputs, batch_first=True, padding_value=5)
        targets = rnn.pad_sequence(
            [torch.from_numpy(a) for a in tags], batch_first=True, padding_value=-100
        )
        return padded, lengths, targets

    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    yield [model]
    for _ in range(120):
        padded, lengths, targets = batch()
        tags, whole = model(padded, lengths)
        loss = F.cross_entropy(tags.reshape(-1, 2), targets.reshape(-1), ignore_index=-100)
        loss = loss + F.cross_entropy(whole, (lengths > 6).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()
