"""The runs of a command that `explore` and `prove` make, and the reports about them."""
