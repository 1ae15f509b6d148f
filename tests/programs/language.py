"""Language models: a transformer over words, and a small GPT."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tests.programs.data import WORDS, sentences


def word_language_model(torch: Any) -> Iterator[Any]:
    """A transformer encoder with a causal mask; gives the loss and the perplexity."""
    nn, F = torch.nn, torch.nn.functional

    class PositionalEncoding(nn.Module):
        def __init__(self, d_model, dropout=0.1, max_len=100):
            super().__init__()
            self.dropout = nn.Dropout(p=dropout)
            position = torch.arange(0, max_len, dtype=torch.float).unsqueeze(1)
            rate = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
            encoding = torch.zeros(max_len, d_model)
            encoding[:, 0::2] = torch.sin(position * rate)
            encoding[:, 1::2] = torch.cos(position * rate)
            self.register_buffer("pe", encoding.unsqueeze(0).transpose(0, 1))

        def forward(self, x):
            return self.dropout(x + self.pe[: x.size(0), :])

    class TransformerModel(nn.Module):
        def __init__(self, words, d_model, heads, hidden, layers, dropout=0.1):
            super().__init__()
            self.d_model = d_model
            self.src_mask = None
            self.position = PositionalEncoding(d_model, dropout)
            layer = nn.TransformerEncoderLayer(d_model, heads, hidden, dropout)
            self.encoder = nn.TransformerEncoder(layer, layers)
            self.embedding = nn.Embedding(words, d_model)
            self.decoder = nn.Linear(d_model, words)
            self.init_weights()

        def init_weights(self):
            bound = 0.1
            nn.init.uniform_(self.embedding.weight, -bound, bound)
            nn.init.zeros_(self.decoder.bias)
            self.decoder.weight.data.uniform_(-bound, bound)

        def forward(self, src):
            if self.src_mask is None or self.src_mask.size(0) != len(src):
                mask = nn.Transformer.generate_square_subsequent_mask(len(src))
                self.src_mask = mask.to(src.device)
            src = self.embedding(src) * math.sqrt(self.d_model)
            output = self.encoder(self.position(src), mask=self.src_mask)
            return F.log_softmax(self.decoder(output), dim=-1)

    def batchify(data, batch_size):
        rows = data.size(0) // batch_size
        data = data.narrow(0, 0, rows * batch_size)
        return data.view(batch_size, -1).t().contiguous()

    def get_batch(source, i):
        length = min(bptt, len(source) - 1 - i)
        return source[i : i + length], source[i + 1 : i + 1 + length].view(-1)

    device = torch.device("cpu")
    bptt, lr = 15, 1.0
    train_data = batchify(torch.from_numpy(sentences(640)).long(), 16).to(device)
    val_data = batchify(torch.from_numpy(sentences(64)).long(), 8).to(device)
    model = TransformerModel(len(WORDS), 32, 2, 64, 2).to(device)
    criterion = nn.NLLLoss()
    yield [model]

    def evaluate(source):
        model.eval()
        total = 0.0
        with torch.no_grad():
            for i in range(0, source.size(0) - 1, bptt):
                data, targets = get_batch(source, i)
                output = model(data).view(-1, len(WORDS))
                total += len(data) * criterion(output, targets).item()
        return total / (len(source) - 1)

    for _ in range(5):
        model.train()
        for i in range(0, train_data.size(0) - 1, bptt):
            data, targets = get_batch(train_data, i)
            model.zero_grad()
            loss = criterion(model(data).view(-1, len(WORDS)), targets)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            for p in model.parameters():
                p.data.add_(p.grad, alpha=-lr)
            yield loss.item(), norm.item(), math.exp(loss.item())
    loss = evaluate(val_data)
    yield loss, 0.0, math.exp(loss)


def nano_gpt(torch: Any) -> Iterator[Any]:
    """Both forms of attention, weight decay for matrices alone, sampling from the top k."""
    nn, F = torch.nn, torch.nn.functional

    class LayerNorm(nn.Module):
        def __init__(self, ndim, bias):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(ndim))
            self.bias = nn.Parameter(torch.zeros(ndim)) if bias else None

        def forward(self, x):
            return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)

    class CausalSelfAttention(nn.Module):
        def __init__(self, width, heads, block_size, fused):
            super().__init__()
            self.c_attn = nn.Linear(width, 3 * width, bias=False)
            self.c_proj = nn.Linear(width, width, bias=False)
            self.heads, self.width, self.fused, self.dropout = heads, width, fused, 0.0
            self.attn_dropout = nn.Dropout(self.dropout)
            if not fused:
                ones = torch.ones(block_size, block_size)
                mask = torch.tril(ones).view(1, 1, block_size, block_size)
                self.register_buffer("bias", mask)

        def forward(self, x):
            B, T, C = x.size()
            q, k, v = self.c_attn(x).split(self.width, dim=2)
            q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            if self.fused:
                y = F.scaled_dot_product_attention(
                    q, k, v, attn_mask=None, dropout_p=self.dropout, is_causal=True
                )
            else:
                att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
                att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
                y = self.attn_dropout(F.softmax(att, dim=-1)) @ v
            return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))

    class Block(nn.Module):
        def __init__(self, width, heads, block_size, fused):
            super().__init__()
            self.ln_1 = LayerNorm(width, bias=False)
            self.attn = CausalSelfAttention(width, heads, block_size, fused)
            self.ln_2 = LayerNorm(width, bias=True)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width),
                nn.GELU(approximate="tanh"),
                nn.Linear(4 * width, width),
            )

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):
        def __init__(self, words, block_size, width=32, heads=4):
            super().__init__()
            self.block_size = block_size
            self.transformer = nn.ModuleDict(
                {
                    "wte": nn.Embedding(words, width),
                    "wpe": nn.Embedding(block_size, width),
                    "h": nn.ModuleList(
                        [Block(width, heads, block_size, fused) for fused in (True, False)]
                    ),
                    "ln_f": LayerNorm(width, bias=False),
                }
            )
            self.lm_head = nn.Linear(width, words, bias=False)
            self.transformer.wte.weight = self.lm_head.weight
            self.apply(self._init_weights)
            for name, p in self.named_parameters():
                if name.endswith("c_proj.weight"):
                    torch.nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(4))

        def _init_weights(self, module):
            if isinstance(module, nn.Linear):
                torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)
                if module.bias is not None:
                    torch.nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)

        def forward(self, idx, targets=None):
            _, t = idx.size()
            pos = torch.arange(0, t, dtype=torch.long, device=idx.device)
            x = self.transformer.wte(idx) + self.transformer.wpe(pos)
            for block in self.transformer.h:
                x = block(x)
            x = self.transformer.ln_f(x)
            if targets is None:
                return self.lm_head(x[:, [-1], :]), None
            logits = self.lm_head(x)
            flat = logits.view(-1, logits.size(-1))
            return logits, F.cross_entropy(flat, targets.view(-1), ignore_index=-1)

        @torch.no_grad()
        def generate(self, idx, new_tokens, temperature=1.0, top_k=None):
            for _ in range(new_tokens):
                seen = idx if idx.size(1) <= self.block_size else idx[:, -self.block_size :]
                logits, _ = self(seen)
                logits = logits[:, -1, :] / temperature
                if top_k is not None:
                    v, _ = torch.topk(logits, min(top_k, logits.size(-1)))
                    logits[logits < v[:, [-1]]] = -float("Inf")
                probs = F.softmax(logits, dim=-1)
                idx = torch.cat((idx, torch.multinomial(probs, num_samples=1)), dim=1)
            return idx

    torch.manual_seed(1337)
    data = torch.from_numpy(sentences(400)).long()
    block_size = 16
    model = GPT(len(WORDS), block_size)
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    groups = [
        {"params": [p for p in named.values() if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in named.values() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    steps, warmup = 60, 5

    def rate(step):
        if step < warmup:
            return (step + 1) / warmup
        return 0.1 + 0.45 * (1.0 + math.cos(math.pi * (step - warmup) / (steps - warmup)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=rate)
    yield [model]
    for step in range(steps):
        starts = [(97 * step + 31 * i) % (len(data) - block_size - 1) for i in range(16)]
        x = torch.stack([data[i : i + block_size] for i in starts])
        y = torch.stack([data[i + 1 : i + 1 + block_size] for i in starts])
        _, loss = model(x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        yield loss.item(), scheduler.get_last_lr()[0]
    model.eval()
    text = model.generate(torch.full((1, 1), 14), 20, temperature=0.8, top_k=2)[0].tolist()
    assert len(text) == 21
    assert text[5::5] == [14] * 4  # every fifth word ends a sentence
