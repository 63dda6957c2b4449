"""What a person sees in a terminal: numbers, tables, progress."""
