"""A variational autoencoder on MNIST.

    CYGNET_DATA=folder python examples/vae.py [--plot samples.png]

D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014; the loss is their equation 10
with a Bernoulli decoder.
"""

import argparse
import time

import cygnet as torch
import cygnet.nn as nn
import cygnet.nn.functional as F
import cygnet.optim as optim
from cygnet.data import mnist
from cygnet.utils.data import DataLoader, Subset


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc21 = nn.Linear(400, 20)
        self.fc22 = nn.Linear(400, 20)
        self.fc3 = nn.Linear(20, 400)
        self.fc4 = nn.Linear(400, 784)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    bce = F.binary_cross_entropy(recon_x, x.view(-1, 784), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--short", action="store_true", help="a tenth of two epochs, for tests")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()

    torch.manual_seed(1)
    train, test = mnist(split="train"), mnist(split="test")
    if options.short:
        train, options.epochs = Subset(train, range(6000)), 2
    train_loader = DataLoader(train, batch_size=128, shuffle=True)
    test_loader = DataLoader(test, batch_size=1000)

    model = VAE()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    began = time.perf_counter()
    for epoch in range(options.epochs):
        model.train()
        for data, _ in train_loader:
            optimizer.zero_grad()
            recon_batch, mu, logvar = model(data)
            loss = loss_function(recon_batch, data, mu, logvar)
            loss.backward()
            optimizer.step()
        model.eval()
        test_loss = 0.0
        with torch.no_grad():
            for data, _ in test_loader:
                recon, mu, logvar = model(data)
                test_loss += loss_function(recon, data, mu, logvar).item()
        test_loss /= len(test)
        print(
            f"epoch {epoch + 1}  test loss {test_loss:.2f} nats an image  "
            f"{time.perf_counter() - began:.1f} s"
        )

    assert test_loss < (200 if options.short else 108), f"test loss {test_loss:.2f}"

    if options.plot:
        import matplotlib.pyplot as plt

        with torch.no_grad():
            samples = model.decode(torch.randn(64, 20)).view(8, 8, 28, 28)
        picture = samples.permute(0, 2, 1, 3).reshape(224, 224)
        plt.imsave(options.plot, picture.numpy(), cmap="gray")


if __name__ == "__main__":
    main()
