"""Gradients: fitting, schedules, the moving average of weights."""
