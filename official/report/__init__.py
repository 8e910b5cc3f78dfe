"""The report of runs: curves, a table and a conclusion, computed from files."""
