"""The search index in SQLite: FTS5, by a current SQLite that takes deleted words out of its files."""
