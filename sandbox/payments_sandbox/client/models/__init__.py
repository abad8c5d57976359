"""The shapes of the control API's values, as typed dicts; made of the schemas."""
