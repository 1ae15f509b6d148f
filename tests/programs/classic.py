"""Autograd by hand, sequences, metric learning, frozen layers, distillation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.programs.data import floats, images


def polynomial_by_hand(torch: Any) -> Iterator[Any]:
    """A cubic to the sine, with nothing but autograd."""
    x = torch.linspace(-math.pi, math.pi, 2000)
    y = torch.sin(x)
    a, b, c, d = (torch.tensor(start, requires_grad=True) for start in (0.5, -1.0, 0.3, 0.2))
    yield []
    for _ in range(1000):
        y_pred = a + b * x + c * x**2 + d * x**3
        loss = (y_pred - y).pow(2).sum()
        yield loss.item()
        loss.backward()
        with torch.no_grad():
            for w in (a, b, c, d):
                w -= 1e-6 * w.grad
                w.grad.zero_()
    assert "grad_fn" in repr(a + 1) and a.is_leaf


def polynomial_function(torch: Any) -> Iterator[Any]:
    """The same with a Legendre polynomial as an own function."""

    class LegendrePolynomial3(torch.autograd.Function):
        @staticmethod
        def forward(ctx, input):
            ctx.save_for_backward(input)
            return 0.5 * (5 * input**3 - 3 * input)

        @staticmethod
        def backward(ctx, grad_output):
            (input,) = ctx.saved_tensors
            return grad_output * 1.5 * (5 * input**2 - 1)

    device = torch.device("cpu")
    x = torch.linspace(-math.pi, math.pi, 2000, device=device)
    y = torch.sin(x)
    a = torch.full((), 0.0, device=device, requires_grad=True)
    b = torch.full((), -1.0, device=device, requires_grad=True)
    c = torch.full((), 0.0, device=device, requires_grad=True)
    d = torch.full((), 0.3, device=device, requires_grad=True)
    yield []
    for _ in range(1000):
        legendre = LegendrePolynomial3.apply
        y_pred = a + b * legendre(c + d * x)
        loss = (y_pred - y).pow(2).sum()
        yield loss.item()
        loss.backward()
        with torch.no_grad():
            for w in (a, b, c, d):
                w -= 5e-6 * w.grad
                w.grad = None


def polynomial_dynamic(torch: Any) -> Iterator[Any]:
    """The same with a network whose depth changes from call to call."""
    draws = np.random.default_rng(2)

    class DynamicNet(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Parameter(torch.randn(()))
            self.b = torch.nn.Parameter(torch.randn(()))
            self.c = torch.nn.Parameter(torch.randn(()))
            self.d = torch.nn.Parameter(torch.randn(()))
            self.e = torch.nn.Parameter(torch.randn(()))

        def forward(self, x):
            y = self.a + self.b * x + self.c * x**2 + self.d * x**3
            for exponent in range(4, int(draws.integers(4, 6))):
                y = y + self.e * x**exponent
            return y

        def string(self):
            return f"y = {self.a.item()} + {self.b.item()} x + {self.c.item()} x^2"

    x = torch.linspace(-1, 1, 200)
    y = torch.sin(math.pi * x)
    model = DynamicNet()
    criterion = torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=5e-4, momentum=0.9)
    yield [model]
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(1.0)
    for _ in range(400):
        loss = criterion(model(x), y)
        yield loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.string().startswith("y = ")


def time_sequences(torch: Any) -> Iterator[Any]:
    """Two recurrent cells, one on the other, predict sine waves; L-BFGS with its own closure."""
    nn, optim = torch.nn, torch.optim

    class Cell(nn.Module):
        def __init__(self, inputs, hidden):
            super().__init__()
            self.gates = nn.Linear(inputs + hidden, 4 * hidden)

        def forward(self, x, state):
            h, c = state
            i, f, g, o = self.gates(torch.cat((x, h), dim=1)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c

    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell1, self.cell2 = Cell(1, 12), Cell(12, 12)
            self.linear = nn.Linear(12, 1)

        def forward(self, input, future=0):
            outputs = []
            zeros = torch.zeros(input.size(0), 12, dtype=input.dtype)
            first = second = (zeros, zeros)
            for step in input.split(1, dim=1):
                first = self.cell1(step, first)
                second = self.cell2(first[0], second)
                output = self.linear(second[0])
                outputs += [output]
            for _ in range(future):
                first = self.cell1(output, first)
                second = self.cell2(first[0], second)
                output = self.linear(second[0])
                outputs += [output]
            return torch.cat(outputs, dim=1)

    phase = np.random.default_rng(6).integers(-60, 60, 16)[:, None]
    data = floats(torch, np.sin((np.arange(40) + phase) / 5.0))
    input, target = data[3:, :-1], data[3:, 1:]
    test_input, test_target = data[:3, :-1], data[:3, 1:]
    model = Sequence()
    criterion = nn.MSELoss()
    optimizer = optim.LBFGS(model.parameters(), lr=0.8, max_iter=6, line_search_fn="strong_wolfe")
    yield [model]
    for _ in range(10):

        def closure():
            optimizer.zero_grad()
            loss = criterion(model(input), target)
            loss.backward()
            return loss

        first = optimizer.step(closure)
        with torch.no_grad():
            pred = model(test_input, future=10)
            loss = criterion(pred[:, :-10], test_target)
        assert pred.size(1) == 49
        yield first.item(), loss.item()


def siamese(torch: Any) -> Iterator[Any]:
    """One network for three pictures, two of them of the same digit; gives the triplet loss."""
    nn, F = torch.nn, torch.nn.functional
    pixels, labels = images(torch)
    by_label = [torch.nonzero(labels == digit).squeeze(1) for digit in range(10)]
    draws = np.random.default_rng(5)

    class Embedder(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(inplace=True), nn.Linear(64, 16))

        def forward(self, x):
            return F.normalize(self.body(x.flatten(1)), p=2, dim=1)

    def triplets(count):
        rows = []
        for _ in range(count):
            one, other = draws.choice(10, 2, replace=False)
            same, different = by_label[one], by_label[other]
            pair = draws.choice(len(same), 2, replace=False)
            rows.append((same[pair[0]], same[pair[1]], different[draws.integers(len(different))]))
        return (
            torch.index_select(pixels, 0, torch.stack(column)) for column in zip(*rows, strict=True)
        )

    model = Embedder()
    criterion = nn.TripletMarginLoss(margin=0.5, p=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    yield [model]
    for _ in range(60):
        anchor, positive, negative = triplets(48)
        a, p, n = model(anchor), model(positive), model(negative)
        loss = criterion(a, p, n)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        apart = F.pairwise_distance(a, n).mean().item()
        yield loss.item(), F.cosine_similarity(a, p).mean().item(), apart


def contrastive(torch: Any) -> Iterator[Any]:
    """Two disturbed views of each picture find one another among all (SimCLR); gives the loss."""
    nn, F = torch.nn, torch.nn.functional
    pixels, _ = images(torch, count=512)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-4)
    yield [model]
    for _ in range(5):
        for batch in torch.split(pixels, 64):
            views = torch.cat([batch + 0.3 * torch.randn_like(batch) for _ in range(2)], dim=0)
            features = F.normalize(model(views), dim=-1)
            similarity = features @ features.t() / 0.2
            similarity.fill_diagonal_(-9e15)
            target = torch.arange(len(views)).roll(len(batch))
            loss = F.cross_entropy(similarity, target)
            rank = similarity.detach().argsort(dim=-1, descending=True)
            top = (rank[:, 0] == target).float().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item(), top.item()


def transfer(torch: Any) -> Iterator[Any]:
    """A frozen body, new heads in a ModuleList, and the averaged weights beside; gives the loss."""
    nn, F = torch.nn, torch.nn.functional
    pixels, labels = images(torch, count=1024)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU())
            self.heads = nn.ModuleList([nn.Linear(128, 10), nn.Linear(128, 2)])

        def forward(self, x):
            x = self.body(x)
            return [head(x) for head in self.heads]

    model = Net()
    model.body.requires_grad_(False)
    before = model.body[1].weight.detach().clone()
    trained = [p for p in model.parameters() if p.requires_grad]
    assert sum(p.numel() for p in trained) == 128 * 12 + 12
    yield [model]
    before.copy_(model.body[1].weight)
    swa_utils = torch.optim.swa_utils
    average = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9))
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-2, total_steps=128)
    for step in range(128):
        rows = torch.arange(step * 64, step * 64 + 64) % len(pixels)
        digit, parity = model(pixels[rows])
        loss = F.cross_entropy(digit, labels[rows]) + F.cross_entropy(parity, labels[rows] % 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        average.update_parameters(model)
        with torch.no_grad():
            smooth = F.cross_entropy(average(pixels[rows])[0], labels[rows])
        yield loss.item(), smooth.item()
    assert torch.equal(model.body[1].weight, before)
    assert all(p.grad is None for p in model.body.parameters())
    assert average.n_averaged.item() == 128


def distillation(torch: Any) -> Iterator[Any]:
    """A small network learns from a large one's soft answers to mixed images; gives its loss."""
    nn, F = torch.nn, torch.nn.functional
    temperature, alpha = 4.0, 0.5
    pixels, labels = images(torch, count=1024)
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    student = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    criterion = nn.KLDivLoss(reduction="batchmean")
    yield [teacher, student]

    def mixup(x, y):
        lam = torch.rand(1).item()
        index = torch.randperm(x.size(0))
        return lam * x + (1 - lam) * x[index, :], y, y[index], lam

    def batches(epochs):
        for _ in range(epochs):
            yield from zip(pixels.split(64), labels.split(64), strict=True)

    optimizer = torch.optim.SGD(teacher.parameters(), lr=0.3, momentum=0.9)
    for x, y in batches(3):
        x, y_a, y_b, lam = mixup(x, y)
        output = teacher(x)
        loss = lam * F.cross_entropy(output, y_a) + (1 - lam) * F.cross_entropy(output, y_b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    teacher.eval()
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
    for x, y in batches(4):
        with torch.no_grad():
            soft = F.softmax(teacher(x) / temperature, dim=1)
        output = student(x)
        distilled = criterion(F.log_softmax(output / temperature, dim=1), soft) * temperature**2
        loss = alpha * distilled + (1 - alpha) * F.cross_entropy(output, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item(), distilled.item()
