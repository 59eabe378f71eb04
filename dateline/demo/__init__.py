"""The coverage of Apollo 13, told through the real pipeline. The facts and their sources: `SOURCES.md` beside the data."""
