"""One file a domain, in one chain; each says what its tables hold."""
