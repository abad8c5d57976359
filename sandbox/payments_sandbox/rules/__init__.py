"""What a rule of a scenario is and how it decides; it knows no YAML and no world."""
