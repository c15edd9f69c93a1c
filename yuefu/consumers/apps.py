from django.apps import AppConfig


class ConsumersConfig(AppConfig):
    name = "yuefu.consumers"
    label = "consumers"
