"""Who may call and who may sell: API keys, users of the back office, cashiers."""

from central.identity import api_key_routes, cashier_routes, user_routes
from central.identity.api_keys import authenticate_key
from central.identity.cashiers import load as _load_cashiers

ROUTES = [*api_key_routes.ROUTES, *user_routes.ROUTES, *cashier_routes.ROUTES]
LOADERS = {"cashier": _load_cashiers}

__all__ = ["LOADERS", "ROUTES", "authenticate_key"]
