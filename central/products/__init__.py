"""The catalogue: tax groups, products, barcodes, prices, price rules, imports, and the look-up with its cache."""

from central.products.known import unknown
from central.products.loaders import LOADERS
from central.products.routes import ROUTES

__all__ = ["LOADERS", "ROUTES", "unknown"]
