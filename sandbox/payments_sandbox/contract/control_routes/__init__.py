"""The control API's routes, a module a chapter."""
