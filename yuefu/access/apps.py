from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "yuefu.access"
    label = "access"
