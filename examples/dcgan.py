"""A deep convolutional GAN that draws MNIST digits.

    CYGNET_DATA=folder python examples/dcgan.py [--plot digits.png]

A. Radford et al., "Unsupervised representation learning with deep convolutional generative
adversarial networks", ICLR 2016. What it draws is judged by a small convolutional classifier.
"""

import argparse
import time

import cygnet as torch
import cygnet.nn as nn
import cygnet.optim as optim
from cygnet.data import mnist
from cygnet.utils.data import DataLoader, Subset


class Generator(nn.Module):
    def __init__(self, nz=64, ngf=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 7, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input):
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self, ndf=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 7, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input):
        return self.main(input).view(-1, 1).squeeze(1)


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        torch.nn.init.normal_(m.weight, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        torch.nn.init.normal_(m.weight, 1.0, 0.02)
        torch.nn.init.zeros_(m.bias)


def judge(train, test):
    """A classifier of digits, and its accuracy on real ones."""
    model = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss()
    for images, labels in DataLoader(train, batch_size=100, shuffle=True):
        optimizer.zero_grad()
        criterion(model(images * 2 - 1), labels).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = [
            (model(x * 2 - 1).argmax(1) == y).float().mean().item()
            for x, y in DataLoader(test, batch_size=1000)
        ]
    return model, sum(right) / len(right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--short", action="store_true", help="a third of one epoch, for tests")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()

    torch.manual_seed(999)
    train, test = mnist(split="train"), mnist(split="test")
    if options.short:
        train, options.epochs = Subset(train, range(20000)), 1
    classifier, accuracy = judge(train, test)
    print(f"the judge is right about {accuracy:.3f} of the real test images")

    nz = 64
    net_g, net_d = Generator(nz), Discriminator()
    net_g.apply(weights_init)
    net_d.apply(weights_init)
    criterion = nn.BCELoss()
    optimizer_d = optim.Adam(net_d.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_g = optim.Adam(net_g.parameters(), lr=2e-4, betas=(0.5, 0.999))
    fixed_noise = torch.randn(500, nz, 1, 1)
    real_label, fake_label = 1.0, 0.0
    began = time.perf_counter()
    for epoch in range(options.epochs):
        for data, _ in DataLoader(train, batch_size=64, shuffle=True, drop_last=True):
            # Real images are to give 1, generated ones 0.
            net_d.zero_grad()
            real = data * 2 - 1
            label = torch.full((real.size(0),), real_label)
            output = net_d(real)
            err_d_real = criterion(output, label)
            err_d_real.backward()
            noise = torch.randn(real.size(0), nz, 1, 1)
            fake = net_g(noise)
            label.fill_(fake_label)
            err_d_fake = criterion(net_d(fake.detach()), label)
            err_d_fake.backward()
            optimizer_d.step()

            # The generator is to make the discriminator say 1.
            net_g.zero_grad()
            label.fill_(real_label)
            output = net_d(fake)
            err_g = criterion(output, label)
            err_g.backward()
            optimizer_g.step()
        with torch.no_grad():
            net_g.eval()
            images = net_g(fixed_noise)
            net_g.train()
            confidence, kinds = torch.softmax(classifier(images), dim=1).max(dim=1)
            sure = (confidence > 0.9).float().mean().item()
            counts = torch.bincount(kinds, minlength=10)
        print(
            f"epoch {epoch + 1}  loss D {(err_d_real + err_d_fake).item():.3f} "
            f"G {err_g.item():.3f}  "
            f"the judge is sure of {sure:.2f}, digits {counts.tolist()}  "
            f"{time.perf_counter() - began:.0f} s"
        )

    if options.plot:
        import matplotlib.pyplot as plt

        picture = images[:64].reshape(8, 8, 28, 28).permute(0, 2, 1, 3).reshape(224, 224)
        plt.imsave(options.plot, picture.numpy(), cmap="gray")
    brightness, real_brightness = images.mean().item(), real.mean().item()
    print(f"mean brightness {brightness:.3f}, of real images {real_brightness:.3f}")
    if options.short:
        assert abs(brightness - real_brightness) < 0.5, "the images are all black or all white"
    else:
        assert sure > 0.5, f"the judge is sure of {sure:.2f} only"
        assert (counts > 5).sum().item() >= 9, f"digits are missing: {counts.tolist()}"


if __name__ == "__main__":
    main()
