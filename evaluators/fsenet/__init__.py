"""Conv-FSENet with dynamic channel pruning: network, gates, training and inference."""
