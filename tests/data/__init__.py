"""Tests of mfast_edge.data."""
