"""Devices on a counter: found, driven and diagnosed; bytes, devices and their states, and nothing of a sale."""
