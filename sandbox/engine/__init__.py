"""The stateful, synchronous world: it takes commands and instants, and never awaits."""
