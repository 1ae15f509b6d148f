"""Few examples go further when each epoch shows them anew: turned, moved, scaled and sheared.

    CYGNET_DATA=folder python examples/augmentation.py [--plot digits.png]

The same network learns from the same few MNIST digits twice: as they are, and with a random affine
transform of each digit in each epoch, drawn in the loader's threads.
"""

import argparse
import time

import cygnet as torch
import cygnet.nn as nn
import cygnet.nn.functional as F
import cygnet.optim as optim
from cygnet.data import DataLoader, Subset, TransformedDataset, mnist, transforms

AUGMENT = transforms.Compose(
    [
        transforms.RandomAffine(
            12, translate=(0.08, 0.08), scale=(0.85, 1.15), shear=8, interpolation="bilinear"
        ),
        transforms.RandomErasing(p=0.3, scale=(0.02, 0.1)),
    ]
)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 32, 5, padding=2)
        self.fc1 = nn.Linear(32 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.dropout(F.relu(self.fc1(x.flatten(1))), 0.5, self.training))


def trained(data, epochs, workers):
    torch.manual_seed(0)
    model = Net()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(data, batch_size=50, shuffle=True, num_workers=workers)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        schedule.step()
    return model


def accuracy(model, data):
    model.eval()
    right = 0
    with torch.no_grad():
        for images, labels in DataLoader(data, batch_size=1000):
            right += (model(images).argmax(1) == labels).sum().item()
    return right / len(data)


def plot(data, path):
    """A digit a row: as it is, and nine times as an epoch may show it."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(8, 10, figsize=(8, 6.5))
    for row, line in enumerate(axes):
        image, _ = data[row]
        for column, axis in enumerate(line):
            shown = AUGMENT(image) if column else image
            axis.imshow(shown[0].numpy(), "gray_r", vmin=0, vmax=1, interpolation="nearest")
            axis.set_axis_off()
    axes[0, 0].set_title("given")
    axes[0, 5].set_title("as epochs show them")
    figure.tight_layout()
    figure.savefig(path, dpi=70)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=500, help="how many digits to learn from")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1, help="threads that make batches")
    parser.add_argument("--short", action="store_true", help="25 epochs, for tests")
    parser.add_argument("--plot", metavar="PATH", help="writes a picture (needs matplotlib)")
    options = parser.parse_args()
    if options.short:
        options.epochs = 25

    few, test = Subset(mnist(), range(options.samples)), mnist(split="test")
    results = []
    for name, data in (("as they are", few), ("augmented", TransformedDataset(few, AUGMENT))):
        began = time.perf_counter()
        results.append(accuracy(trained(data, options.epochs, options.workers), test))
        seconds = time.perf_counter() - began
        print(f"{options.samples} digits {name}: {results[-1]:.2%} of the test, {seconds:.1f} s")
    if options.plot:
        plot(few, options.plot)
    if options.short:  # too short for a gain
        assert min(results) > 0.85, results
    else:
        assert results[1] > max(results[0] + 0.02, 0.955), results


if __name__ == "__main__":
    main()
