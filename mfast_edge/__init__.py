"""A model, a data set and a device in; the fastest model that keeps the accuracy, and the proof, out."""
