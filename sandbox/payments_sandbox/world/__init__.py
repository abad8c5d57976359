"""All that belongs to one API key, on virtual time: clock, timeline, journal, snapshot; no I/O."""
