"""Manifests to route tables: text with positions, declared fields, one module or package a dialect."""
