"""One self-contained HTML file for a check or a triage answer."""
