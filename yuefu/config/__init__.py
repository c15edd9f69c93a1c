"""Settings, routes and the WSGI entry: the only package that knows every other, and where the environment is read."""
