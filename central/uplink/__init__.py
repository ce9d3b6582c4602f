"""Events in: decoding, ordering, forks and branches, lost sequences, and the transaction that stores and books."""
