"""The user's own model on the user's own machine: speed, memory and mean IoU in every engine that is installed."""
