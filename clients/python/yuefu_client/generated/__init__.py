"""Made by tools/client_models.py from the description of the API; nothing here is changed by hand."""
