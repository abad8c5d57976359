"""The control API under `/_sandbox`: a module for each noun, with a function for each route."""
