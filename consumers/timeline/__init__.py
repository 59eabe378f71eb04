"""The timeline view: newest first, in Redis. `view` writes it, `reader` reads it, `keys` says what lies where."""
