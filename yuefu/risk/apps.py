from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "yuefu.risk"
    label = "risk"
