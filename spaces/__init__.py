"""What can be chosen: parameters, encodings, neighbours, and the knobs of each kind."""
