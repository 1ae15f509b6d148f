"""Logistic regression by gradient descent: two overlapping clouds of points.

The clouds are normal with the same spread, so the best possible classifier is a line and its error
is known; the fitted one must come close to it.

    python examples/logistic_regression.py [--plot clouds.png]
"""

import argparse
import math

import cygnet as torch
import cygnet.nn as nn
import cygnet.optim as optim


class LogisticRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x):
        return self.linear(x).squeeze(1)


def clouds(count):
    labels = (torch.rand(count) < 0.5).float()
    centres = torch.stack([2 * labels - 1, 1 - 2 * labels], dim=1)
    return centres + torch.randn(count, 2), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--short", action="store_true", help="for tests: the same, it is short")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()

    torch.manual_seed(0)
    x, labels = clouds(1000)
    model = LogisticRegression()
    criterion = nn.BCEWithLogitsLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.5, weight_decay=1e-4)
    for step in range(options.steps):
        optimizer.zero_grad()
        loss = criterion(model(x), labels)
        loss.backward()
        optimizer.step()
        if step % 40 == 0:
            print(f"step {step:3d}  loss {loss.item():.4f}")

    test, expected = clouds(20000)
    with torch.no_grad():
        predicted = torch.sigmoid(model(test)) > 0.5
        accuracy = (predicted == expected.bool()).float().mean().item()
    # The centres lie 2 sqrt(2) apart: the best line errs where a normal number exceeds sqrt(2).
    best = 0.5 * (1 + math.erf(1))
    print(f"accuracy {accuracy:.4f}, the best possible is {best:.4f}")
    assert accuracy > best - 0.01, "far from the best line"

    if options.plot:
        import matplotlib.pyplot as plt

        plt.scatter(x[:, 0].numpy(), x[:, 1].numpy(), c=labels.numpy(), s=8, cmap="coolwarm")
        (a, b), c = model.linear.weight[0].tolist(), model.linear.bias.item()
        ends = torch.tensor([-4.0, 4.0])
        plt.plot(ends.numpy(), (-(a * ends + c) / b).numpy(), "k", label="p = 1/2")
        plt.legend()
        plt.savefig(options.plot)


if __name__ == "__main__":
    main()
