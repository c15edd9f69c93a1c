"""Outside payment systems and the file layouts they speak."""
