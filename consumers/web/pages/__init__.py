"""The pages that readers see: HTML from values, whole without JavaScript; and the script that keeps an open page up to date."""
