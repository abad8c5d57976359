"""The control API's routes, as rows: a module for each noun, of the name it has everywhere.

`server/control` has the handlers in modules of the same names.
"""
