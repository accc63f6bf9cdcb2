"""What we do about it: the core step, risk, execution, agents and exchanges."""
