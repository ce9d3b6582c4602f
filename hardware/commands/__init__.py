"""The commands of till-hardware, one a file."""
