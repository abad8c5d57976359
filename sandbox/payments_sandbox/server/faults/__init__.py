"""Wire faults: one module each, and the kit they share."""
