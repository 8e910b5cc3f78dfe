"""The report of runs: curves, tables and a conclusion, computed from files."""
