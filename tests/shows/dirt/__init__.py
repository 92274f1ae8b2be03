"""Every data format with every kind of dirt."""
