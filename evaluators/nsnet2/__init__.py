"""Early-exiting noise suppressor: nsNet2 with exits, confidence heads and thresholds (arXiv 2308.16678)."""
