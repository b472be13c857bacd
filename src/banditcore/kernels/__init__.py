"""The compiled inner loops: they check nothing and never choose; `reference.py` holds the readable twins.

Public here: `LinearArms` (one Gaussian posterior over weights an arm), `HybridArms` (the same with a part common to
all arms), `evidence_terms` (how well regularisers explain what the former have seen), `gaussian_argmax` and
`beta_argmax` (the exact probability that each arm is best), `gaussian_vectors` (the same for a batch of rows, masked
and floored), `joint_vectors` (the same where one posterior is shared, from seeded draws: `philox` and
`standard_normals` are what it draws with), `draw` and `draw_many` (the one sampler), `first_match` and `first_below`
(the rows that a replay accepts), and the `plain_*` questions the boundary asks before it hands an array to a kernel.
Everything is float64; kernels import nothing of ours.
"""

from banditcore.kernels.beta import beta_argmax
from banditcore.kernels.evidence import evidence_terms
from banditcore.kernels.gaussian import gaussian_argmax, gaussian_vectors
from banditcore.kernels.hybrid import HybridArms
from banditcore.kernels.joint import joint_vectors, philox, standard_normals
from banditcore.kernels.linear import LinearArms, squash
from banditcore.kernels.linucb import linucb
from banditcore.kernels.plain import LIMIT, plain_contexts, plain_indices, plain_vector
from banditcore.kernels.replay import first_below, first_match
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
    "evidence_terms",
    "first_below",
    "first_match",
    "gap_vectors",
    "gaussian_argmax",
    "gaussian_vectors",
    "joint_vectors",
    "lawful",
    "linucb",
    "philox",
    "plain_contexts",
    "plain_indices",
    "plain_vector",
    "squash",
    "standard_normals",
]
