"""What other libraries' published runs do: the best arm, always."""

import numpy as np

from banditcore.policies import Policy
from banditcore_simulations.datasets import Classification


def play_greedily(policy: Policy, world: Classification) -> int:
    """Total reward when the arm of the highest score is chosen (the lowest index among equals) and learned from."""
    total = 0
    for row in range(len(world.contexts)):
        context = world.contexts[row : row + 1]
        arm = int(policy.scores(context)[0].argmax())
        reward = world.reward(row, arm)
        policy.update(context, np.array([arm]), np.array([reward]))
        total += int(reward)
    return total
