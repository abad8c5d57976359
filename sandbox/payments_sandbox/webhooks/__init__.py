"""Webhooks without a network: endpoints, signing, retries, outbox; `server.webhooks` sends them."""
