"""Measure what a build costs, beside a bare scan of the same files and beside other tools.

`python -m tools.bench` writes synthetic shops, runs each command as a process of its own several times
and turns the medians into docs/performance.md: seconds, peak memory, bytes written, and the ratios that
count. Every ratio compares figures of one run on one machine; seconds alone say little about another one.
The files are clean: at the first broken line a typed reader stops, and so do the other tools.

`processes` runs commands and dbt, `tasks` has what is timed beside dbt, `peers` the same fifteen features by
several tools, `measuring` the order of it all, `page` the two tables.
"""
