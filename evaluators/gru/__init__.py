"""Integer GRU classifier with a bit width per operator (arXiv 2402.12263)."""
