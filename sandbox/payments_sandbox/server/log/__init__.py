"""Owns the log of a server: who is told of requests and webhooks, and how its lines read."""
