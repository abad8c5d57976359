"""The wire contract of both APIs: schemas, codes, operations, control routes, OpenAPI."""
