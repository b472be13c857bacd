"""What a log says: `lift` compares the policy with its holdout; off-policy estimators are one file each."""
