"""The shipped contract over every registered policy: a new file in the folder is tested on arrival."""

from banditcore.policies import get_policy, policy_names
from banditcore.testing.policy_contract import PolicyContract

for _name in policy_names():
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (PolicyContract,), {"policy_class": get_policy(_name)})
del PolicyContract
