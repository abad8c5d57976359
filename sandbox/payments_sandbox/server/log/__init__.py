"""Owns the server's log of requests and webhooks: where its lines go, and what they look like."""
