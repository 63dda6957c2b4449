"""Speech quality prediction with binary activation maps (arXiv 2407.04578), learned from PESQ."""
