"""The processes of commands: servers, their workers, commands next to them, and signals."""
