"""A convolutional autoencoder: MNIST images through 32 numbers and back.

    CYGNET_DATA=folder python examples/autoencoder.py [--plot digits.png]

G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science,
2006.
"""

import argparse
import time

import cygnet as torch
import cygnet.nn as nn
import cygnet.nn.functional as F
import cygnet.optim as optim
from cygnet.data import mnist
from cygnet.utils.data import DataLoader, Subset


class Autoencoder(nn.Module):
    def __init__(self, code=32):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, code),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, 32 * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


def test_error(model, loader):
    model.eval()
    with torch.no_grad():
        losses = [F.mse_loss(model(x), x, reduction="sum").item() for x, _ in loader]
    return sum(losses) / (len(loader.dataset) * 784)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--short", action="store_true", help="a fifth of three epochs, for tests")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()

    torch.manual_seed(0)
    train, test = mnist(split="train"), mnist(split="test")
    if options.short:
        train, options.epochs = Subset(train, range(12000)), 3
    train_loader = DataLoader(train, batch_size=128, shuffle=True)
    test_loader = DataLoader(test, batch_size=1000)

    model = Autoencoder()
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    began = time.perf_counter()
    for epoch in range(options.epochs):
        model.train()
        for images, _ in train_loader:
            optimizer.zero_grad()
            loss = F.mse_loss(model(images), images)
            loss.backward()
            optimizer.step()
        error = test_error(model, test_loader)
        print(f"epoch {epoch + 1}  test error {error:.5f}  {time.perf_counter() - began:.1f} s")

    assert error < (0.045 if options.short else 0.008), f"test error {error:.5f}"

    if options.plot:
        import matplotlib.pyplot as plt

        images = torch.stack([test[i][0] for i in range(10)])
        with torch.no_grad():
            rows = torch.cat([images, model(images)]).reshape(2, 10, 28, 28)
        picture = rows.permute(0, 2, 1, 3).reshape(56, 280)
        plt.imsave(options.plot, picture.numpy(), cmap="gray")


if __name__ == "__main__":
    main()
