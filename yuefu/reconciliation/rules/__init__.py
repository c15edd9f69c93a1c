"""Pure rules of reconciliation: what a bill is, and how a day's bill is matched against what we recorded."""
