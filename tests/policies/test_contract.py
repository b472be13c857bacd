"""The shipped contract over every registered policy: a new file in the folder is tested on arrival."""

from banditcore.policies import get_policy, policy_names
from banditcore.posteriors import posterior_names
from banditcore.testing.policy_contract import PolicyContract

CASES = [(name, {}) for name in policy_names()]
CASES += [(rule, {"over": over}) for rule in ("square_cb", "epsilon_greedy") for over in posterior_names()]
CASES += [(name, {"mature_after": 20}) for name in ("lin_ucb", "linear_ts", "logistic_ts")]
CASES += [
    ("linear_ts", {"l2": "auto"}),
    ("hybrid_lin_ucb", {"n_shared": 2}),
    ("shared_linear_ts", {"vector": "marginal"}),
]

for _name, _params in CASES:
    _case = f"Test_{_name}" + "".join(f"_{key}_{value}" for key, value in _params.items())
    globals()[_case] = type(_case, (PolicyContract,), {"policy_class": get_policy(_name), "params": _params})
del PolicyContract
