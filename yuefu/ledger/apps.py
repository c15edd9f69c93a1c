from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "yuefu.ledger"
    label = "ledger"
