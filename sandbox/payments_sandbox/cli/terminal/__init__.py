"""What commands print with: width, colours, tables, progress bars and the standard streams."""
