"""Tests of the shed export."""
