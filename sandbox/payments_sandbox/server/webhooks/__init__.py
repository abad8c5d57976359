"""How webhooks leave: the dispatcher decides which one is next, and the sender posts it."""
