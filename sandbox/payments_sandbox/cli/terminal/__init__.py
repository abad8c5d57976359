"""What commands print: its width, colours, tables and progress bars, and the standard streams."""
