import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(0)
centers = np.array([[0.0, 2.0], [-2.0, -1.0], [2.0, -1.0]])
rng = np.random.RandomState(0)
labels = rng.randint(0, 3, 600)
points = centers[labels] + rng.randn(600, 2) * 0.6

inputs = torch.tensor(points, dtype=torch.float32)
targets = torch.tensor(labels, dtype=torch.long)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(2, 16)
        self.fc2 = nn.Linear(16, 3)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = self.fc2(x)
        return x


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=0.01)

for epoch in range(100):
    optimizer.zero_grad()
    outputs = net(inputs)
    loss = criterion(outputs, targets)
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 20 == 0:
        print(f'Epoch [{epoch + 1}/100], Loss: {loss.item():.4f}')

with torch.no_grad():
    predicted = torch.argmax(net(inputs), dim=1)
    accuracy = (predicted == targets).float().mean().item()
print(f'Accuracy: {accuracy:.4f}')
