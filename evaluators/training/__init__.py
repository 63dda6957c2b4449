"""What trainings of all systems share: checkpoints, the learning rate over time, the number of threads."""
