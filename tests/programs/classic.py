"""Autograd by hand, reinforcement, metric learning, frozen layers, distillation."""

from __future__ import annotations

import math
from collections import namedtuple
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


def closure(torch: Any) -> Iterator[Any]:
    """A curve by a small network and L-BFGS with a strong Wolfe line search."""
    nn, optim = torch.nn, torch.optim
    x = torch.linspace(-1, 1, 100).unsqueeze(1)
    y = torch.sin(4 * x) + 0.3 * torch.cos(9 * x)
    model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())
    model.append(nn.Linear(16, 1))
    criterion = nn.MSELoss()
    optimizer = optim.LBFGS(model.parameters(), lr=0.8, line_search_fn="strong_wolfe", max_iter=4)
    yield [model]
    for _ in range(40):

        def evaluate():
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            return loss

        yield optimizer.step(evaluate).item()


class CartPole:
    """The pole on a cart of Barto, Sutton and Anderson (1983), by Euler's method."""

    def __init__(self) -> None:
        self.draws = np.random.default_rng(4)

    def reset(self) -> np.ndarray[Any, Any]:
        self.state = self.draws.uniform(-0.05, 0.05, 4)
        return self.state

    def step(self, action: int) -> tuple[np.ndarray[Any, Any], float, bool]:
        _, speed, angle, spin = self.state
        push = 10.0 if action == 1 else -10.0
        sine, cosine = np.sin(angle), np.cos(angle)
        drive = (push + 0.05 * spin**2 * sine) / 1.1
        turn = (9.8 * sine - cosine * drive) / (0.5 * (4.0 / 3.0 - 0.1 * cosine**2 / 1.1))
        thrust = drive - 0.05 * turn * cosine / 1.1
        change = np.array([speed, thrust, spin, turn])
        self.state = self.state + 0.02 * change
        return self.state, 1.0, bool(abs(self.state[0]) > 2.4 or abs(self.state[2]) > np.pi / 15)


def actor_critic(torch: Any) -> Iterator[Any]:
    """Actor and critic balance a pole; gives the running reward and the loss."""
    nn, F, optim = torch.nn, torch.nn.functional, torch.optim
    categorical = torch.distributions.Categorical
    saved_action = namedtuple("saved_action", ["log_prob", "value"])

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.affine1 = nn.Linear(4, 64)
            self.action_head = nn.Linear(64, 2)
            self.value_head = nn.Linear(64, 1)
            self.saved_actions = []
            self.rewards = []

        def forward(self, x):
            x = F.relu(self.affine1(x))
            return F.softmax(self.action_head(x), dim=-1), self.value_head(x)

    torch.manual_seed(543)
    env = CartPole()
    model = Policy()
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    eps = np.finfo(np.float32).eps.item()
    yield [model]

    def select_action(state):
        probs, state_value = model(floats(torch, state))
        m = categorical(probs)
        action = m.sample()
        model.saved_actions.append(saved_action(m.log_prob(action), state_value))
        return action.item()

    def finish_episode():
        total, policy_losses, value_losses, returns = 0, [], [], []
        for r in model.rewards[::-1]:
            total = r + 0.99 * total
            returns.insert(0, total)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + eps)
        for (log_prob, value), expected in zip(model.saved_actions, returns, strict=True):
            advantage = expected - value.item()
            policy_losses.append(-log_prob * advantage)
            value_losses.append(F.smooth_l1_loss(value, torch.tensor([expected])))
        optimizer.zero_grad()
        loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
        loss.backward()
        optimizer.step()
        del model.rewards[:]
        del model.saved_actions[:]
        return loss.item()

    running_reward = 10.0
    for _ in range(60):
        state, episode_reward = env.reset(), 0.0
        for _ in range(1, 200):
            state, reward, done = env.step(select_action(state))
            model.rewards.append(reward)
            episode_reward += reward
            if done:
                break
        running_reward = 0.05 * episode_reward + (1 - 0.05) * running_reward
        yield running_reward, finish_episode()


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
