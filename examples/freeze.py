"""A digit classifier, trained for a moment, frozen and served from four threads.

python examples/freeze.py
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import cygnet
from cygnet import nn, optim
from cygnet.data import DataLoader, digits


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(nn.functional.relu(self.bn1(self.conv1(x))), 2)
        x = nn.functional.max_pool2d(nn.functional.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(self.dropout(x.flatten(1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--requests", type=int, default=20000)
    parser.add_argument("--short", action="store_true", help="3 epochs, 400 requests, for tests")
    options = parser.parse_args()
    if options.short:
        options.epochs, options.requests = 3, 400

    cygnet.manual_seed(0)
    train, test = digits("train"), digits("test")
    model = Net()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(options.epochs):
        for images, labels in DataLoader(train, batch_size=32, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()

    images, labels = next(iter(DataLoader(test, batch_size=len(test))))
    images, labels = images.numpy(), labels.numpy()
    plan = cygnet.freeze(model, images[:1])
    print(plan.describe())

    def serve(request: int) -> int:
        """The digit in one image."""
        image = request % len(images)
        return plan(images[image : image + 1]).argmax().item()

    began = time.perf_counter()
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(serve, range(options.requests)))
    seconds = time.perf_counter() - began
    right = np.mean(np.array(answers) == labels[np.arange(options.requests) % len(labels)])
    print(f"{options.requests} requests from 4 threads: {seconds:.2f} s, {right:.1%} right")

    model.eval()
    with cygnet.no_grad():
        eager = model(cygnet.tensor(images)).argmax(1).numpy()
    assert [serve(i) for i in range(len(images))] == list(eager)
    assert right > 0.9


if __name__ == "__main__":
    main()
