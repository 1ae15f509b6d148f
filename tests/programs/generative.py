"""Models that make pictures: a variational autoencoder, and two that learn against a critic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.programs.data import images


def vae(torch: Any) -> Iterator[Any]:
    """A variational autoencoder; gives the loss of each batch an image."""
    nn, F, optim = torch.nn, torch.nn.functional, torch.optim

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(64, 64)
            self.fc21 = nn.Linear(64, 8)
            self.fc22 = nn.Linear(64, 8)
            self.fc3 = nn.Linear(8, 64)
            self.fc4 = nn.Linear(64, 64)

        def encode(self, x):
            h1 = F.relu(self.fc1(x))
            return self.fc21(h1), self.fc22(h1)

        def reparameterize(self, mu, logvar):
            std = torch.exp(0.5 * logvar)
            eps = torch.randn_like(std)
            return mu + eps * std

        def decode(self, z):
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

        def forward(self, x):
            mu, logvar = self.encode(x.view(-1, 64))
            return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss_function(recon_x, x, mu, logvar):
        bce = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return bce + kld

    torch.manual_seed(1)
    pixels, labels = images(torch, count=1024)
    dataset = torch.utils.data.TensorDataset(pixels, labels)
    loader = torch.utils.data.DataLoader(dataset, batch_size=64)
    model = VAE()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    yield [model]
    for _ in range(10):
        model.train()
        for data, _ in loader:
            optimizer.zero_grad()
            recon_batch, mu, logvar = model(data)
            loss = loss_function(recon_batch, data, mu, logvar)
            loss.backward()
            optimizer.step()
            yield loss.item() / len(data)
    with torch.no_grad():
        sample = model.decode(torch.randn(16, 8)).view(16, 1, 8, 8)
    assert sample.shape == torch.Size([16, 1, 8, 8])
    assert 0 <= sample.min().item() < sample.max().item() <= 1


def dcgan(torch: Any) -> Iterator[Any]:
    """Deep convolutional adversaries; gives how far the mean picture is off, and both losses."""
    nn, optim = torch.nn, torch.optim
    nz, ngf, ndf = 16, 16, 16

    def weights_init(m):
        classname = m.__class__.__name__
        if classname.find("Conv") != -1:
            nn.init.normal_(m.weight, 0.0, 0.02)
        elif classname.find("BatchNorm") != -1:
            nn.init.normal_(m.weight, 1.0, 0.02)
            nn.init.zeros_(m.bias)

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.main = nn.Sequential(
                nn.ConvTranspose2d(nz, ngf * 2, 2, 1, 0, bias=False),
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
        def __init__(self):
            super().__init__()
            self.main = nn.Sequential(
                nn.Conv2d(1, ndf, 4, 2, 1, bias=False),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(ndf * 2),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(ndf * 2, 1, 2, 1, 0, bias=False),
                nn.Sigmoid(),
            )

        def forward(self, input):
            return self.main(input).view(-1, 1).squeeze(1)

    device = torch.device("cpu")
    net_g, net_d = Generator().to(device), Discriminator().to(device)
    net_g.apply(weights_init)
    net_d.apply(weights_init)
    criterion = nn.BCELoss()
    fixed_noise = torch.randn(64, nz, 1, 1, device=device)
    optimizer_d = optim.Adam(net_d.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizer_g = optim.Adam(net_g.parameters(), lr=2e-3, betas=(0.5, 0.999))
    pixels = images(torch, count=1024)[0].mul(2).sub_(1)
    yield [net_g, net_d]
    for _ in range(12):
        for real in pixels.split(64):
            net_d.zero_grad()
            label = torch.full((real.size(0),), 1.0, dtype=real.dtype, device=device)
            output = net_d(real)
            err_d_real = criterion(output, label)
            err_d_real.backward()
            noise = torch.randn(real.size(0), nz, 1, 1, device=device)
            fake = net_g(noise)
            label.fill_(0.0)
            err_d_fake = criterion(net_d(fake.detach()), label)
            err_d_fake.backward()
            optimizer_d.step()
            net_g.zero_grad()
            label.fill_(1.0)
            err_g = criterion(net_d(fake), label)
            err_g.backward()
            optimizer_g.step()
            with torch.no_grad():
                distance = (net_g(fixed_noise).mean(0) - pixels.mean(0)).norm()
            yield distance.item(), (err_d_real + err_d_fake).item(), err_g.item()


def wgan_gp(torch: Any) -> Iterator[Any]:
    """Wasserstein adversaries with a penalty on the critic's gradient, on points of a ring."""
    nn = torch.nn

    def ring(count):
        angle = 2 * torch.pi * torch.rand(count)
        return torch.stack([2 + angle.cos(), angle.sin()], dim=1)

    def compute_gradient_penalty(critic, real, fake):
        alpha = torch.rand(real.size(0), 1).expand_as(real)
        interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        scores = critic(interpolates)
        gradients = torch.autograd.grad(
            outputs=scores,
            inputs=interpolates,
            grad_outputs=torch.ones_like(scores),
            create_graph=True,
            retain_graph=True,
            only_inputs=True,
        )[0]
        gradients = gradients.view(gradients.size(0), -1)
        return ((gradients.norm(2, dim=1) - 1) ** 2).mean()

    generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    critic = nn.Sequential(
        nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)
    )
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.0, 0.9))
    optimizer_c = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.0, 0.9))
    yield [generator, critic]
    for _ in range(400):
        for _ in range(5):
            for p in critic.parameters():
                p.requires_grad_(True)
            real, z = ring(64), torch.randn(64, 4)
            with torch.no_grad():
                fake = generator(z)
            optimizer_c.zero_grad()
            penalty = compute_gradient_penalty(critic, real.data, fake.data)
            loss_c = -critic(real).mean() + critic(fake).mean() + 10 * penalty
            loss_c.backward()
            optimizer_c.step()
        for p in critic.parameters():
            p.requires_grad_(False)
        optimizer_g.zero_grad()
        fake = generator(torch.randn(64, 4))
        loss_g = -critic(fake).mean()
        loss_g.backward()
        optimizer_g.step()
        radius = (fake.detach() - torch.tensor([2.0, 0.0])).norm(dim=1)
        yield (radius - 1).abs().mean().item(), loss_c.item(), loss_g.item()
