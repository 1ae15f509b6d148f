"""German sentences into English ones: an encoder, a decoder, and attention between them.

    CYGNET_DATA=folder python examples/translation.py [--plot attention.png]

M.-T. Luong, H. Pham, C. Manning, "Effective approaches to attention-based neural machine
translation", EMNLP 2015: global attention with the score "general", without input feeding, so that
under teacher forcing the decoder runs over the whole sentence at once. The sentences are those of
Multi30k (D. Elliott et al., 2016). Needs sacrebleu.
"""

import argparse
import gzip
import os
import re
import time

import sacrebleu

import cygnet as torch
import cygnet.nn as nn
import cygnet.nn.functional as F
import cygnet.optim as optim
from cygnet.data import BucketBatchSampler, Vocabulary, tokenize_words
from cygnet.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from cygnet.utils.data import DataLoader

SPECIALS = ["<pad>", "<unk>", "<bos>", "<eos>"]
PAD, UNK, BOS, EOS = range(4)


class Encoder(nn.Module):
    def __init__(self, vocabulary, embedding, hidden, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(embedding, hidden // 2, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(hidden, hidden)

    def forward(self, source, lengths):
        """What is known of each word, (N, S, hidden), and the decoder's first state, (1, N,
        hidden), of both directions' last.
        """
        embedded = self.dropout(self.embedding(source))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        output, last = self.gru(packed)
        memory, _ = pad_packed_sequence(output, batch_first=True)
        state = torch.tanh(self.bridge(torch.cat((last[0], last[1]), dim=1)))
        return self.dropout(memory), state.unsqueeze(0)


class Decoder(nn.Module):
    def __init__(self, vocabulary, embedding, hidden, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(embedding, hidden, batch_first=True)
        self.score = nn.Linear(hidden, hidden, bias=False)
        self.combine = nn.Linear(2 * hidden, embedding)
        self.head = nn.Linear(embedding, vocabulary)
        self.head.weight = self.embedding.weight
        nn.init.normal_(self.embedding.weight, std=embedding**-0.5)

    def forward(self, target, state, memory, mask):
        """Logits (N, T, vocabulary) of the words after target (N, T), the state, and how much
        each of them looked at each word of the source, (N, T, S).
        """
        output, state = self.gru(self.dropout(self.embedding(target)), state)
        output = self.dropout(output)
        scores = torch.bmm(self.score(output), memory.transpose(1, 2))
        weights = F.softmax(scores.masked_fill(mask.unsqueeze(1), -float("inf")), dim=2)
        context = torch.bmm(weights, memory)
        combined = torch.tanh(self.combine(torch.cat((context, output), dim=2)))
        return self.head(self.dropout(combined)), state, weights


class Translator(nn.Module):
    def __init__(self, source_words, target_words, embedding, hidden, dropout):
        super().__init__()
        self.encoder = Encoder(source_words, embedding, hidden, dropout)
        self.decoder = Decoder(target_words, embedding, hidden, dropout)

    def forward(self, source, lengths, target):
        memory, state = self.encoder(source, lengths)
        return self.decoder(target, state, memory, source == PAD)

    @torch.no_grad()
    def translate(self, source, lengths, width, limit=50):
        """The best translation found of each sentence, as a list of word numbers. A beam of
        `width` hypotheses a sentence; of width 1 it is the greedy search.
        """
        self.eval()
        memory, state = self.encoder(source, lengths)
        memory = memory.repeat_interleave(width, dim=0)
        state = state.repeat_interleave(width, dim=1)
        mask = (source == PAD).repeat_interleave(width, dim=0)
        count = len(source)
        first = torch.arange(count).unsqueeze(1) * width
        scores = torch.full((count, width), -float("inf"))
        scores[:, 0] = 0.0
        words = torch.full((count * width, 1), BOS, dtype=torch.long)
        done = torch.zeros(count * width, dtype=torch.bool)
        for _ in range(limit):
            logits, state, _ = self.decoder(words[:, -1:], state, memory, mask)
            logits = logits[:, 0]
            logits[:, [PAD, UNK, BOS]] = -float("inf")
            steps = F.log_softmax(logits, dim=1)
            steps[done] = -float("inf")  # a finished sentence goes on with <eos>, at no cost
            steps[:, EOS] = steps[:, EOS].masked_fill(done, 0.0)
            total = (scores.view(-1, 1) + steps).view(count, -1)
            scores, picked = total.topk(width, dim=1)
            parent = (first + picked // steps.size(1)).flatten()
            word = (picked % steps.size(1)).view(-1, 1)
            words = torch.cat((words[parent], word), dim=1)
            state = state[:, parent]
            done = words[:, -1] == EOS
            if done.all():
                break
        # Long sentences have low scores: Wu et al., arXiv 1609.08144, section 7, with exponent 1.
        spoken = (words[:, 1:] != EOS).sum(dim=1).view(count, width)
        best = (scores / (spoken + 1)).argmax(dim=1) + first.flatten()
        return [[i for i in row if i not in (BOS, EOS)] for row in words[best].tolist()]


def read(folder, name, language):
    path = f"{folder}/text/multi30k/{name}.{language}.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def collate(pairs):
    """Padded sources, their lengths, padded targets."""
    sources, targets = zip(*pairs, strict=True)
    lengths = torch.tensor([len(source) for source in sources])
    return (
        pad_sequence(sources, batch_first=True, padding_value=PAD),
        lengths,
        pad_sequence(targets, batch_first=True, padding_value=PAD),
    )


def loss_of(model, batch, smoothing=0.0):
    source, lengths, target = batch
    logits, _, _ = model(source, lengths, target[:, :-1])
    return F.cross_entropy(
        logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD, label_smoothing=smoothing
    )


def join(words):
    """A sentence of its words, without spaces before punctuation."""
    return re.sub(r" ([.,;:!?])", r"\1", " ".join(words))


def bleu(model, loader, references, vocabulary, width):
    hypotheses = []
    for source, lengths, _ in loader:
        for words in model.translate(source, lengths, width):
            hypotheses.append(join(vocabulary.decode(words)))
    return sacrebleu.corpus_bleu(hypotheses, [references], lowercase=True).score, hypotheses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--embedding", type=int, default=256)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--rate", type=float, default=2e-3, help="the greatest learning rate")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--short", action="store_true", help="a smaller network, for tests")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()
    if options.short:
        options.epochs, options.batch, options.rate = 2, 32, 5e-3
        options.embedding, options.hidden, options.dropout = 96, 96, 0.0

    folder = os.environ.get("CYGNET_DATA")
    if folder is None:
        parser.error("the variable CYGNET_DATA must name the folder with text/multi30k")
    names = {"train": "train", "validation": "val", "test": "test_2016_flickr"}
    texts = {part: (read(folder, n, "de"), read(folder, n, "en")) for part, n in names.items()}
    if options.short:
        texts["train"] = tuple(lines[:8000] for lines in texts["train"])
        texts["test"] = tuple(lines[:100] for lines in texts["test"])
    words = {part: [[tokenize_words(t) for t in ts] for ts in two] for part, two in texts.items()}
    german, english = (
        Vocabulary(
            (word for sentence in sentences for word in sentence),
            min_freq=5 if options.short else 2,
            specials=SPECIALS,
            unknown="<unk>",
        )
        for sentences in words["train"]
    )
    data = {
        part: [
            (
                torch.tensor(german.encode([*source, "<eos>"])),
                torch.tensor(english.encode(["<bos>", *target, "<eos>"])),
            )
            for source, target in zip(*both, strict=True)
        ]
        for part, both in words.items()
    }

    torch.manual_seed(1)
    batches = BucketBatchSampler([len(s) + len(t) for s, t in data["train"]], options.batch)
    train = DataLoader(data["train"], batch_sampler=batches, collate_fn=collate)
    validation = DataLoader(data["validation"], batch_size=100, collate_fn=collate)
    test = DataLoader(data["test"], batch_size=100, collate_fn=collate)

    model = Translator(
        len(german), len(english), options.embedding, options.hidden, options.dropout
    )
    print(
        f"{len(german):,} German and {len(english):,} English words, "
        f"{sum(p.numel() for p in model.parameters()):,} parameters"
    )
    optimizer = optim.Adam(model.parameters(), lr=options.rate, betas=(0.9, 0.98))
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.rate, total_steps=options.epochs * len(train), pct_start=0.2
    )
    began = time.perf_counter()
    for epoch in range(1, options.epochs + 1):
        model.train()
        total = 0.0
        for batch in train:
            loss = loss_of(model, batch, smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            unseen = sum(loss_of(model, batch).item() for batch in validation) / len(validation)
        seconds = time.perf_counter() - began
        print(
            f"epoch {epoch}  training {total / len(train):.3f}  validation {unseen:.3f} nats a "
            f"word  {seconds:.0f} s"
        )

    greedy, _ = bleu(model, test, texts["test"][1], english, 1)
    reached, hypotheses = bleu(model, test, texts["test"][1], english, options.beam)
    print(f"test: {greedy:.2f} BLEU greedy, {reached:.2f} with a beam of {options.beam}")
    for k in range(3):
        print(f"  {texts['test'][0][k]}\n  = {texts['test'][1][k]}\n  > {hypotheses[k]}")

    if options.plot:
        import matplotlib.pyplot as plt

        source, lengths, _ = collate(data["test"][:1])
        found = model.translate(source, lengths, options.beam)[0]
        with torch.no_grad():
            _, _, weights = model(source, lengths, torch.tensor([[BOS, *found]]))
        figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
        axes.imshow(weights[0].numpy(), cmap="Greys", vmin=0, vmax=1)
        rows = [*english.decode(found), "<eos>"]
        columns = [*words["test"][0][0], "<eos>"]
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right")
        axes.set(title="Where each English word looks")
        figure.savefig(options.plot, dpi=100)

    assert unseen < (4.0 if options.short else 2.5), f"{unseen:.3f} nats a word"
    assert options.short or reached > 28, f"{reached:.2f} BLEU"


if __name__ == "__main__":
    main()
