from django.apps import AppConfig


class SettlementConfig(AppConfig):
    name = "yuefu.settlement"
    label = "settlement"
