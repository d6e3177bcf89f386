"""What developers run from the repository's root: benchmarks, comparisons, writers of docs. In no wheel."""
