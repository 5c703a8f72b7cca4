"""Two services, the same questions: measured side by side, and told apart only as far as the numbers carry."""
