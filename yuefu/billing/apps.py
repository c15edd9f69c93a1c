from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "yuefu.billing"
    label = "billing"
