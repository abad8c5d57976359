"""Webhooks without a network: endpoints, signing, retries, the outbox; `server.webhooks` sends."""
