"""Envoy's routing vocabulary as frozen values, and what each value means. It knows no YAML and no numpy."""
