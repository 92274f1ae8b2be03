"""Files that travel to the board, byte for byte."""
