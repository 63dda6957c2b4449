"""What quality is: systems (network, training, data), metrics, data sets and caches."""
