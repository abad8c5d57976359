"""The client of the control API: a method for each route, sync and async."""
