"""The documentation of the API as pages: written texts in two languages, and a reference made from the description."""
