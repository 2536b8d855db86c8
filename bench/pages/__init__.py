"""The study of frame sizes, memory advice and page sizes; docs/pages.md has its results."""
