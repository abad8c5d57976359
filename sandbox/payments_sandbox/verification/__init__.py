"""Whether what a client did was right: observed calls, expectations, findings, reports."""
