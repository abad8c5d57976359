"""The control API under `/_sandbox`: one module a noun, each function one route."""
