import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)
rng = np.random.RandomState(0)
positive = rng.multivariate_normal([2, 2], [[1.0, 0.3], [0.3, 1.0]], 150)
negative = rng.multivariate_normal([-1, -1], [[1.0, -0.2], [-0.2, 1.0]], 150)
x_data = np.vstack([positive, negative]).astype(np.float32)
y_data = np.hstack([np.ones(150), np.zeros(150)]).astype(np.float32).reshape(-1, 1)

x = torch.from_numpy(x_data)
y = torch.from_numpy(y_data)


class LogisticRegression(nn.Module):
    def __init__(self):
        super(LogisticRegression, self).__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


model = LogisticRegression()
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(500):
    y_pred = model(x)
    loss = criterion(y_pred, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0:
        print('epoch {}, loss {:.4f}'.format(epoch, loss.item()))

accuracy = ((model(x) > 0.5).float() == y).float().mean().item()
print('accuracy: {:.4f}'.format(accuracy))

w1, w2 = model.linear.weight.detach().numpy()[0]
b = model.linear.bias.item()
line = np.linspace(-4, 5, 2)
plt.scatter(x_data[:150, 0], x_data[:150, 1], s=12, label='class 1')
plt.scatter(x_data[150:, 0], x_data[150:, 1], s=12, label='class 0')
plt.plot(line, -(w1 * line + b) / w2, color='black', label='decision boundary')
plt.legend()
plt.savefig('logistic_regression.png')
