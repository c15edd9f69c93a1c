from django.apps import AppConfig


class LoansConfig(AppConfig):
    name = "yuefu.loans"
    label = "loans"
