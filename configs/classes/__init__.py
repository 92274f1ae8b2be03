"""Class maps: what the classes of data are called here, which are one, which are left out."""
