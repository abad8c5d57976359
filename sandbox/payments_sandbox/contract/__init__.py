"""The documented wire contract: schemas, codes, operations and the OpenAPI documents."""
