"""The commands, one module each: what `--help` says of it, its options, and what it does."""
