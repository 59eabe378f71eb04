"""What readers and services get over HTTP: documents, changes as they come, feeds, and pages."""
