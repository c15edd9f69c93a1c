"""Fund plans, concentration and liquidity of a merchant, pure."""
