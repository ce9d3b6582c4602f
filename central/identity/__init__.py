"""Who may call and who may sell: API keys, users of the back office, cashiers."""
