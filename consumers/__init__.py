"""Who listens: the fold, the views that it feeds, and the runner that feeds them."""
