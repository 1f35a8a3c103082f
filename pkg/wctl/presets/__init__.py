"""A first configuration for an application, from what its directory says about it."""
