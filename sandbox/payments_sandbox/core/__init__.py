"""What every other part builds on: instants, ids, errors, settings; it imports only itself."""
