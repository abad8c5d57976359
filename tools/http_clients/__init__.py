"""What HTTP clients of other languages make of faults, and which of them send a POST again.

Each client is a program beside this file. It is told `warm` or `cold`, the URL of payments, a key
and a body; it gets the list first where it is to be warm, creates a payment within two seconds on
the same connection, and prints what its user would see: the payment's status, another one, or an
error.
"""
