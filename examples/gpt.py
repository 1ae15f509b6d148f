"""A small GPT that writes Shakespeare, character by character.

    CYGNET_DATA=folder python examples/gpt.py [--plot curve.png]

A. Radford et al., "Improving language understanding by generative pre-training", 2018; the text is
the 1.1 million characters of Karpathy's char-rnn.
"""

import argparse
import gzip
import math
import os
import time

import cygnet as torch
import cygnet.nn as nn
import cygnet.nn.functional as F


class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x, cache=None):
        batch, time, width = x.size()
        q, k, v = self.qkv(x).split(width, dim=2)
        q, k, v = (
            t.view(batch, time, self.heads, width // self.heads).transpose(1, 2) for t in (q, k, v)
        )
        if cache is not None:
            k, v = cache.append(k, v)
        dropout = self.dropout if self.training else 0.0
        # One position after others attends to all of them.
        causal = k.size(2) == time
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=causal)
        return self.proj(y.transpose(1, 2).contiguous().view(batch, time, width))


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads, dropout)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, x, cache=None):
        x = x + self.attn(self.ln_1(x), cache)
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, vocabulary, context, layers, width, heads, dropout):
        super().__init__()
        self.context, self.heads, self.width = context, heads, width
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, idx, targets=None, caches=None):
        past = 0 if caches is None else caches[0].length
        x = self.token(idx) + self.position(torch.arange(past, past + idx.size(1)))
        for i, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[i])
        logits = self.head(self.ln(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))

    @torch.no_grad()
    def generate(self, idx, count, temperature=1.0, top_k=None):
        caches = [
            nn.KeyValueCache(len(idx), self.heads, self.context, self.width // self.heads)
            for _ in self.blocks
        ]
        new = idx[:, -self.context :]
        for _ in range(count):
            if caches[0].length + new.size(1) > self.context:  # go on from the last half
                for cache in caches:
                    cache.reset()
                new = idx[:, -max(1, self.context // 2) :]
            logits, _ = self(new, caches=caches)
            logits = logits[:, -1, :] / temperature
            if top_k is not None:
                v, _ = torch.topk(logits, top_k)
                logits[logits < v[:, [-1]]] = -float("inf")
            probs = F.softmax(logits, dim=-1)
            new = torch.multinomial(probs, num_samples=1)
            idx = torch.cat((idx, new), dim=1)
        return idx


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--short", action="store_true", help="a smaller network, for tests")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()
    if options.short:
        options.steps, options.layers, options.width, options.batch = 150, 2, 64, 16

    folder = os.environ.get("CYGNET_DATA")
    if folder is None:
        parser.error(
            "the variable CYGNET_DATA must name the folder with text/tinyshakespeare.txt.gz"
        )
    with gzip.open(f"{folder}/text/tinyshakespeare.txt.gz", "rt", encoding="utf-8") as file:
        text = file.read()
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    data = torch.tensor([number[letter] for letter in text], dtype=torch.long)
    train, validation = data[: int(0.9 * len(data))], data[int(0.9 * len(data)) :]

    torch.manual_seed(1337)
    model = GPT(
        len(letters), options.context, options.layers, options.width, options.heads, options.dropout
    )
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")

    def get_batch(source):
        starts = torch.randint(len(source) - options.context, (options.batch,)).tolist()
        x = torch.stack([source[i : i + options.context] for i in starts])
        y = torch.stack([source[i + 1 : i + 1 + options.context] for i in starts])
        return x, y

    @torch.no_grad()
    def validation_loss(batches):
        model.eval()
        losses = torch.zeros(batches)
        for k in range(batches):
            _, loss = model(*get_batch(validation))
            losses[k] = loss.item()
        model.train()
        return losses.mean().item()

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    warmup = options.steps // 20
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(
            (step + 1) / warmup, 0.55 + 0.45 * math.cos(math.pi * step / options.steps)
        ),
    )
    seconds, seen, unseen = [], [], []
    began = time.perf_counter()
    for step in range(1, options.steps + 1):
        _, loss = model(*get_batch(train))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % (options.steps // 10) == 0:
            seconds.append(time.perf_counter() - began)
            seen.append(loss.item() / math.log(2))
            unseen.append(validation_loss(20) / math.log(2))
            print(
                f"step {step}  {seen[-1]:.3f} bits a character, of unseen text {unseen[-1]:.3f}  "
                f"{seconds[-1]:.0f} s"
            )

    reached = validation_loss(10 if options.short else 100)
    print(f"validation loss {reached:.3f} nats, {reached / math.log(2):.3f} bits a character")
    model.eval()
    start = torch.tensor([[number["\n"]]])
    written = model.generate(start, 60 if options.short else 400, temperature=0.8, top_k=20)
    print("".join(letters[i] for i in written[0].tolist()))
    if options.plot:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
        axes.plot([s / 60 for s in seconds], seen, label="last batch of training")
        axes.plot([s / 60 for s in seconds], unseen, label="unseen text")
        axes.set(xlabel="minutes", ylabel="bits a character")
        axes.legend()
        figure.savefig(options.plot, dpi=100)
    assert reached < (2.75 if options.short else 1.6), f"validation loss {reached:.3f}"


if __name__ == "__main__":
    main()
