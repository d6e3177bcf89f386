"""Named customer segments from raw shop event files: the Python side of the clientele dbt project."""

__version__ = "0.1.0"
