"""Outgoing webhooks: what may be called, how it is called, and when the next one goes out."""
