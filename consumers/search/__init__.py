"""The search index: what is public, in its newest revision, found by words, phrases, prefixes and fields."""
