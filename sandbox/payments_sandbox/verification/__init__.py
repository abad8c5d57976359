"""Whether a client behaved correctly: observed calls, expectations, findings, reports."""
