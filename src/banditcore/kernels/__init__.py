"""The compiled inner loops: they check nothing and never choose; `reference.py` holds the readable twins.

Public here: `LinearArms` (one ridge regression an arm), `HybridArms` (the same with a part common to all arms),
`gaussian_argmax` and `beta_argmax` (the exact probability that each arm is best), `draw` and `draw_many` (the one
sampler), and the `plain_*` questions the boundary asks before it hands an array to a kernel. Everything is float64;
kernels import nothing of ours.
"""

from banditcore.kernels.beta import beta_argmax
from banditcore.kernels.gaussian import gaussian_argmax, gaussian_vectors
from banditcore.kernels.hybrid import HybridArms
from banditcore.kernels.linear import LinearArms, squash
from banditcore.kernels.plain import LIMIT, plain_contexts, plain_indices, plain_vector
from banditcore.kernels.sampling import add_floor, best_vectors, draw, draw_many, gap_vectors, lawful

__all__ = [
    "LIMIT",
    "HybridArms",
    "LinearArms",
    "add_floor",
    "best_vectors",
    "beta_argmax",
    "draw",
    "draw_many",
    "gap_vectors",
    "gaussian_argmax",
    "gaussian_vectors",
    "lawful",
    "plain_contexts",
    "plain_indices",
    "plain_vector",
    "squash",
]
