from django.apps import AppConfig


class CollectingConfig(AppConfig):
    name = "yuefu.collecting"
    label = "collecting"
