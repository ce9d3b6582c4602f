"""Tenants: who they are, their settings and their locations' overrides, the numbers they give, what was changed."""
