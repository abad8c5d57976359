"""Mutation testing: small faults, each put into the core, that a unit test has to notice.

Existing tools change the files on disk, start an interpreter for each fault, or do not reach tables
outside functions; and none of them draws a sample by a seed.
"""
