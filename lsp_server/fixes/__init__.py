"""What mends a file: proposals of a model, where they stand, whether they hold, and how code is documented. Pure."""
