"""Linear regression by gradient descent: a line through noisy points.

The result is compared with the least-squares solution, which gradient descent must reach.

    python examples/linear_regression.py [--plot line.png]
"""

import argparse

import numpy as np

import cygnet as torch
import cygnet.nn as nn
import cygnet.optim as optim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--short", action="store_true", help="for tests: the same, it is short")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()

    torch.manual_seed(0)
    x = torch.rand(200, 1) * 4 - 2
    y = 3 * x + 2 + 0.5 * torch.randn(200, 1)

    model = nn.Linear(1, 1)
    criterion = nn.MSELoss()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for step in range(options.steps):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step:3d}  loss {loss.item():.4f}")

    slope, intercept = model.weight.item(), model.bias.item()
    exact = np.polyfit(x.numpy()[:, 0], y.numpy()[:, 0], 1)
    print(f"y = {slope:.4f} x + {intercept:.4f}, loss {loss.item():.4f}")
    print(f"least squares: y = {exact[0]:.4f} x + {exact[1]:.4f}")
    assert np.allclose([slope, intercept], exact, atol=1e-4), "not the least-squares line"

    if options.plot:
        import matplotlib.pyplot as plt

        plt.scatter(x.numpy(), y.numpy(), s=12, label="points")
        ends = torch.tensor([[-2.0], [2.0]])
        plt.plot(ends.numpy(), model(ends).detach().numpy(), "r", label="fitted line")
        plt.legend()
        plt.savefig(options.plot)


if __name__ == "__main__":
    main()
