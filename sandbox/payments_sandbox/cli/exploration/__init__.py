"""The runs of a command that `explore` and `prove` make, and what they print and write of them."""
