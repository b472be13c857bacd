"""The shipped contract over every registered estimator: a new one is tested on arrival."""

from banditcore.estimators.off_policy import ESTIMATORS
from banditcore.testing.estimator_contract import EstimatorContract

CASES = [(name, {}) for name in ESTIMATORS]
CASES += [("dr", {"limit": 3.0}), ("clipped_ips", {"limit": 2.0}), ("switch_dr", {"threshold": 1.5})]
CASES += [("dros", {"shrinkage": 4.0}), ("dros", {"shrinkage": float("inf")}), ("dros", {"shrinkage": 0.0})]

for _name, _params in CASES:
    _case = f"Test_{_name}" + "".join(f"_{key}_{value}" for key, value in _params.items())
    _members = {"estimator_class": ESTIMATORS[_name], "params": _params}
    globals()[_case] = type(_case, (EstimatorContract,), _members)
del EstimatorContract
