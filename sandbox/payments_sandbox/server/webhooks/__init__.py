"""How webhooks leave: the dispatcher says who is next, the sender posts."""
