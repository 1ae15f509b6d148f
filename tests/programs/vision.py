"""Pictures: super-resolution, classifiers, an attack on one, and a picture as the parameter."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from tests.programs.data import images


def super_resolution(torch: Any) -> Iterator[Any]:
    """Efficient sub-pixel convolution: 4x4 to 8x8 pixels; saved and loaded at the end."""
    nn, optim = torch.nn, torch.optim
    init = nn.init

    class Net(nn.Module):
        def __init__(self, upscale_factor):
            super().__init__()
            self.relu = nn.ReLU()
            self.conv1 = nn.Conv2d(1, 16, (5, 5), (1, 1), (2, 2))
            self.conv2 = nn.Conv2d(16, 16, (3, 3), (1, 1), (1, 1))
            self.conv3 = nn.Conv2d(16, upscale_factor**2, (3, 3), (1, 1), (1, 1))
            self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
            self._initialize_weights()

        def forward(self, x):
            x = self.relu(self.conv1(x))
            x = self.relu(self.conv2(x))
            return self.pixel_shuffle(self.conv3(x))

        def _initialize_weights(self):
            init.orthogonal_(self.conv1.weight, init.calculate_gain("relu"))
            init.orthogonal_(self.conv2.weight, init.calculate_gain("relu"))
            init.orthogonal_(self.conv3.weight)

    pixels, _ = images(torch, count=512)
    small = nn.functional.avg_pool2d(pixels, 2)
    model = Net(upscale_factor=2)
    criterion = nn.MSELoss()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    yield [model]
    for _ in range(8):
        for input, target in zip(small.split(32), pixels.split(32), strict=True):
            optimizer.zero_grad()
            loss = criterion(model(input), target)
            loss.backward()
            optimizer.step()
            yield loss.item()
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    again = Net(upscale_factor=2)
    missing, unexpected = again.load_state_dict(torch.load(file))
    assert not missing and not unexpected
    assert torch.equal(again.eval()(small), model.eval()(small))


def mnist(torch: Any) -> Iterator[Any]:
    """The convolution net everyone begins with; gives each batch's loss."""
    nn, F, optim = torch.nn, torch.nn.functional, torch.optim

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 16, 3, 1)
            self.conv2 = nn.Conv2d(16, 32, 3, 1)
            self.dropout1 = nn.Dropout(0.25)
            self.dropout2 = nn.Dropout(0.5)
            self.fc1 = nn.Linear(128, 64)
            self.fc2 = nn.Linear(64, 10)

        def forward(self, x):
            x = F.relu(self.conv1(x))
            x = F.relu(self.conv2(x))
            x = F.max_pool2d(x, 2)
            x = self.dropout1(x)
            x = torch.flatten(x, 1)
            x = self.dropout2(F.relu(self.fc1(x)))
            return F.log_softmax(self.fc2(x), dim=1)

    def train(model, device, train_loader, optimizer):
        model.train()
        for data, target in train_loader:
            data, target = data.to(device), target.to(device)
            optimizer.zero_grad()
            output = model(data)
            loss = F.nll_loss(output, target)
            loss.backward()
            optimizer.step()
            yield loss.item()

    def test(model, device, test_loader):
        model.eval()
        test_loss, correct = 0.0, 0
        with torch.no_grad():
            for data, target in test_loader:
                data, target = data.to(device), target.to(device)
                output = model(data)
                test_loss += F.nll_loss(output, target, reduction="sum").item()
                pred = output.argmax(dim=1, keepdim=True)
                correct += pred.eq(target.view_as(pred)).sum().item()
        return test_loss / len(test_loader.dataset), correct / len(test_loader.dataset)

    torch.manual_seed(1)
    device = torch.device("cpu")
    train_set = torch.utils.data.TensorDataset(*images(torch, "train"))
    test_set = torch.utils.data.TensorDataset(*images(torch, "test"))
    order = torch.randperm(len(train_set)).tolist()
    train_loader = torch.utils.data.DataLoader(train_set, batch_size=64, sampler=order)
    test_loader = torch.utils.data.DataLoader(test_set, batch_size=100, shuffle=True)
    model = Net().to(device)
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.7)
    yield [model]
    for _ in range(8):
        yield from train(model, device, train_loader, optimizer)
        _, accuracy = test(model, device, test_loader)
        scheduler.step()
    assert accuracy > 0.95


def resnet(torch: Any) -> Iterator[Any]:
    """Residual blocks, in place where the originals are; gives each batch's loss."""
    nn = torch.nn

    def conv3x3(planes_in, planes_out, stride=1):
        return nn.Conv2d(planes_in, planes_out, 3, stride=stride, padding=1, bias=False)

    class BasicBlock(nn.Module):
        def __init__(self, inplanes, planes, stride=1, downsample=None):
            super().__init__()
            self.conv1 = conv3x3(inplanes, planes, stride)
            self.bn1 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = conv3x3(planes, planes)
            self.bn2 = nn.BatchNorm2d(planes)
            self.downsample = downsample

        def forward(self, x):
            identity = x
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            if self.downsample is not None:
                identity = self.downsample(x)
            out += identity
            return self.relu(out)

    class ResNet(nn.Module):
        def __init__(self, classes=10):
            super().__init__()
            self.stem = nn.Sequential(conv3x3(1, 8), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
            self.layer1 = BasicBlock(8, 8)
            shortcut = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
            self.layer2 = nn.Sequential(BasicBlock(8, 16, 2, shortcut), BasicBlock(16, 16))
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(16, classes)
            for m in self.modules():
                if isinstance(m, nn.Conv2d):
                    nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                    nn.init.constant_(m.weight, 1)
                    nn.init.constant_(m.bias, 0)
            for m in self.modules():
                if isinstance(m, BasicBlock):
                    nn.init.constant_(m.bn2.weight, 0.5)

        def forward(self, x):
            x = self.layer2(self.layer1(self.stem(x)))
            return self.fc(torch.flatten(self.avgpool(x), 1))

    pixels, labels = images(torch)
    model = ResNet()
    criterion = nn.CrossEntropyLoss(label_smoothing=0.01)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3)
    yield [model]
    for _ in range(3):
        model.train()
        for inputs, targets in zip(pixels.split(64), labels.split(64), strict=True):
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            yield loss.item()
        scheduler.step()
    model.eval()
    with torch.inference_mode():
        pixels, labels = images(torch, "test")
        _, predicted = model(pixels).max(1)
    assert (predicted == labels).double().mean().item() > 0.9


def adversarial(torch: Any) -> Iterator[Any]:
    """Trains on the digits, then the fast gradient sign attack; gives each batch's loss."""
    nn, F = torch.nn, torch.nn.functional

    def fgsm_attack(image, epsilon, data_grad):
        return torch.clamp(image + epsilon * data_grad.sign(), 0, 1)

    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
    pixels, labels = images(torch, count=1024)
    yield [model]

    def attack(data, target, epsilon):
        data = data.clone()
        data.requires_grad = True
        loss = F.nll_loss(F.log_softmax(model(data), dim=1), target)
        model.zero_grad()
        loss.backward()
        perturbed = fgsm_attack(data, epsilon, data.grad.data)
        wrong = model(perturbed).max(1, keepdim=True)[1].ne(target.view(-1, 1))
        return loss.item(), F.cross_entropy(model(perturbed), target).item(), wrong.sum().item()

    for i in range(0, len(pixels), 32):
        data, target = pixels[i : i + 32], labels[i : i + 32]
        before, after, _ = attack(data, target, 0.1)
        assert after > before
        loss = F.cross_entropy(model(data), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item(), before, after
    pixels, labels = images(torch, "test")
    wrong = [attack(pixels, labels, epsilon)[2] for epsilon in (0.0, 0.05, 0.1, 0.2)]
    assert wrong == sorted(wrong) and wrong[-1] > 2 * wrong[0]


def style_transfer(torch: Any) -> Iterator[Any]:
    """An image that takes one's content and another's style, by L-BFGS; gives the loss."""
    nn, F = torch.nn, torch.nn.functional

    def gram_matrix(input):
        a, b, c, d = input.size()
        features = input.view(a * b, c * d)
        return torch.mm(features, features.t()).div(a * b * c * d)

    class ContentLoss(nn.Module):
        def __init__(self, target):
            super().__init__()
            self.target = target.detach()

        def forward(self, input):
            self.loss = F.mse_loss(input, self.target)
            return input

    class StyleLoss(nn.Module):
        def __init__(self, target_feature):
            super().__init__()
            self.target = gram_matrix(target_feature).detach()

        def forward(self, input):
            self.loss = F.mse_loss(gram_matrix(input), self.target)
            return input

    class Normalization(nn.Module):
        def __init__(self, mean, std):
            super().__init__()
            self.mean = mean.detach().view(-1, 1, 1)
            self.std = std.detach().view(-1, 1, 1)

        def forward(self, img):
            return (img - self.mean) / self.std

    pixels, _ = images(torch, count=2)
    content_img, style_img = (F.interpolate(p[None], scale_factor=2) for p in pixels)
    features = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.Softplus()
    ).eval()
    yield [features]
    model = nn.Sequential(Normalization(pixels.mean(), pixels.std()))
    content_losses, style_losses = [], []
    for i, layer in enumerate(features.children(), 1):
        model.add_module(f"layer_{i}", layer)
        if isinstance(layer, nn.Conv2d):
            content_losses.append(ContentLoss(model(content_img)))
            model.add_module(f"content_loss_{i}", content_losses[-1])
            style_losses.append(StyleLoss(model(style_img)))
            model.add_module(f"style_loss_{i}", style_losses[-1])
    input_img = torch.rand(1, 1, 16, 16)
    optimizer = torch.optim.LBFGS([input_img], max_iter=4, line_search_fn="strong_wolfe")
    input_img.requires_grad_(True)
    model.eval()
    model.requires_grad_(False)

    def closure():
        optimizer.zero_grad()
        model(input_img)
        style_score = sum(layer.loss for layer in style_losses) * 1e4
        content_score = sum(layer.loss for layer in content_losses)
        loss = style_score + content_score
        loss.backward()
        return loss

    for _ in range(20):
        yield optimizer.step(closure).item()
    with torch.no_grad():
        input_img.clamp_(0, 1)
    assert input_img.max().item() <= 1
