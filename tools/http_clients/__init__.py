"""How HTTP clients of other languages react to faults, and which of them send a POST again.

Each client is a program in this folder. Its arguments are `warm` or `cold`, the URL of payments, a
key and a body. If it is to be warm, it gets the list first. It creates a payment within two seconds
on the same connection, and prints what its user would see: the payment's status, another status, or
an error.
"""
