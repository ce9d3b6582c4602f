"""The rules that terminals and the central server share: pure, no IO, no clock."""
