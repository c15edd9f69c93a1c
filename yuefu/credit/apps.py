from django.apps import AppConfig


class CreditConfig(AppConfig):
    name = "yuefu.credit"
    label = "credit"
