"""The gRPC server around `banditcore.engine.DecisionEngine`."""
