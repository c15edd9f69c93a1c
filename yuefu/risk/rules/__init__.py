"""Pure rules of risk: the decision and its wording."""
