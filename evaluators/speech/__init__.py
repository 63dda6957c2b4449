"""Speech: recordings, mixtures with noise, and what can be said about the quality of an enhanced signal."""
