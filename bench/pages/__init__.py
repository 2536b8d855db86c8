"""Pages, frames and advice: what gets and scans cost under each, warm and cold; docs/pages.md says what was found."""
