"""What a rule of a scenario is and how it decides; nothing here knows YAML or a world."""
