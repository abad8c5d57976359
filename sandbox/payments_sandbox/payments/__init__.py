"""Payments and their money: cards, moves, ledger, rate limiter; imports only `core`."""
