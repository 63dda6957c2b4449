"""What systems that enhance speech have in common; a system holds these parts, and says what is its own."""
