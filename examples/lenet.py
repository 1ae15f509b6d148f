"""LeNet-5 on MNIST, the training loop written out.

    CYGNET_DATA=folder python examples/lenet.py

Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE, 1998.
"""

import argparse
import time

import cygnet as torch
import cygnet.nn as nn
import cygnet.nn.functional as F
import cygnet.optim as optim
from cygnet.data import mnist
from cygnet.utils.data import DataLoader, Subset


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def accuracy(model, loader):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (model(images).argmax(dim=1) == labels).sum().item()
            total += len(labels)
    return correct / total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--short", action="store_true", help="a fifth of one epoch, for tests")
    options = parser.parse_args()

    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train, test = mnist(split="train"), mnist(split="test")
    if options.short:
        train, options.epochs = Subset(train, range(12000)), 1
    train_loader = DataLoader(train, batch_size=64, shuffle=True)
    test_loader = DataLoader(test, batch_size=1000)

    model = LeNet().to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.epochs)
    began = time.perf_counter()
    for epoch in range(options.epochs):
        model.train()
        running_loss = 0.0
        for images, labels in train_loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        scheduler.step()
        print(
            f"epoch {epoch + 1}  loss {running_loss / len(train_loader):.4f}  "
            f"test accuracy {accuracy(model, test_loader):.4f}  "
            f"{time.perf_counter() - began:.1f} s"
        )

    reached = accuracy(model, test_loader)
    assert reached >= (0.92 if options.short else 0.985), f"test accuracy {reached:.4f}"


if __name__ == "__main__":
    main()
