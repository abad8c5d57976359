"""The scenario language: rules, steps and the decision which of them answers a call."""
