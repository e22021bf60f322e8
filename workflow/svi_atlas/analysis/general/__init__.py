"""Tables for every experiment: its page, its figures, and its part of the index."""
