"""Answers over a route table: what happens, why, and in which proportions."""
