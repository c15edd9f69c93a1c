"""Webhooks: what merchants are told (`telling`), where (`changing`), and how it gets there (`delivering`); who hears that it does not (`alerting`)."""
