"""The commands, one module each: the help, the options and the code of a command."""
