from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "yuefu.reconciliation"
    label = "reconciliation"
