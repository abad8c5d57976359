"""The processes of commands: servers, their workers, the commands beside them, and signals."""
