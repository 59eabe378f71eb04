"""The search index on OpenSearch. docs/decisions/0018-search-on-opensearch.md says how it lies there and why that is safe."""
