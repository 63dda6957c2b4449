"""The race: our guided search against the well-known optimizers, at equal numbers of unique evaluations."""
