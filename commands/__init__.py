"""What people may ask: one registry of typed functions, their authorisation, plans and replies."""
