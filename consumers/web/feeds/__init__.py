"""A coverage as feeds: pure functions from what was read to bytes, one module a form."""
