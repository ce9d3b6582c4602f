"""The register: the pure rules of selling, refunding, voiding and counting. No IO, no clock, no chance."""
