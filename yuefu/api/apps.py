from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "yuefu.api"
    label = "api"
