"""Tables for the page and the figures of the coin."""
