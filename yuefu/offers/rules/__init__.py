"""Pure rules of offers: products, quotes, disclosures, caps, wording."""
