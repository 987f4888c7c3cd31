"""Training: settings, samples, steps, schedule, checkpoints."""
