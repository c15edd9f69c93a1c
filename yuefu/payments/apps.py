from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "yuefu.payments"
    label = "payments"
