"""Run in a venv that has nothing but the built wheel: the compiled core is there, and so is every data file."""

from banditcore import DecisionEngine, MemoryStore, parse_experiment

SPEC = {"control": "a", "holdout": 0.5, "variants": ["a", "b"], "policy": "beta_ts", "goals": [{"name": "g"}]}

with DecisionEngine(MemoryStore()) as engine:
    engine.apply(parse_experiment("smoke", SPEC))
    decision = engine.decide("smoke", "somebody")
    engine.reward(decision.id, "g", 1.0)
    assert engine.explain(decision.id).recomputed
print(f"the wheel decides: {decision.variant}")
