"""A policy learns to balance a pole."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.programs.data import floats


class CartPole:
    """The pole on a cart of Barto, Sutton and Anderson (1983), by Euler's method."""

    def __init__(self) -> None:
        self.draws = np.random.default_rng(4)

    def reset(self) -> np.ndarray[Any, Any]:
        self.state = self.draws.uniform(-0.05, 0.05, 4)
        return self.state

    def step(self, action: int) -> tuple[np.ndarray[Any, Any], float, bool]:
        _, speed, angle, spin = self.state
        push = 10.0 if action == 1 else -10.0
        sine, cosine = np.sin(angle), np.cos(angle)
        drive = (push + 0.05 * spin**2 * sine) / 1.1
        turn = (9.8 * sine - cosine * drive) / (0.5 * (4.0 / 3.0 - 0.1 * cosine**2 / 1.1))
        thrust = drive - 0.05 * turn * cosine / 1.1
        change = np.array([speed, thrust, spin, turn])
        self.state = self.state + 0.02 * change
        return self.state, 1.0, bool(abs(self.state[0]) > 2.4 or abs(self.state[2]) > np.pi / 15)


def actor_critic(torch: Any) -> Iterator[Any]:
    """Actor and critic balance a pole; gives the running reward and the loss."""
    nn, F, optim = torch.nn, torch.nn.functional, torch.optim
    categorical = torch.distributions.Categorical
    saved_action = namedtuple("saved_action", ["log_prob", "value"])

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.affine1 = nn.Linear(4, 64)
            self.action_head = nn.Linear(64, 2)
            self.value_head = nn.Linear(64, 1)
            self.saved_actions = []
            self.rewards = []

        def forward(self, x):
            x = F.relu(self.affine1(x))
            return F.softmax(self.action_head(x), dim=-1), self.value_head(x)

    torch.manual_seed(543)
    env = CartPole()
    model = Policy()
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    eps = np.finfo(np.float32).eps.item()
    yield [model]

    def select_action(state):
        probs, state_value = model(floats(torch, state))
        m = categorical(probs)
        action = m.sample()
        model.saved_actions.append(saved_action(m.log_prob(action), state_value))
        return action.item()

    def finish_episode():
        total, policy_losses, value_losses, returns = 0, [], [], []
        for r in model.rewards[::-1]:
            total = r + 0.99 * total
            returns.insert(0, total)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + eps)
        for (log_prob, value), expected in zip(model.saved_actions, returns, strict=True):
            advantage = expected - value.item()
            policy_losses.append(-log_prob * advantage)
            value_losses.append(F.smooth_l1_loss(value, torch.tensor([expected])))
        optimizer.zero_grad()
        loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
        loss.backward()
        optimizer.step()
        del model.rewards[:]
        del model.saved_actions[:]
        return loss.item()

    running_reward = 10.0
    for _ in range(60):
        state, episode_reward = env.reset(), 0.0
        for _ in range(1, 200):
            state, reward, done = env.step(select_action(state))
            model.rewards.append(reward)
            episode_reward += reward
            if done:
                break
        running_reward = 0.05 * episode_reward + (1 - 0.05) * running_reward
        yield running_reward, finish_episode()
