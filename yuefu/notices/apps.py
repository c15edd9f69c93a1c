from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "yuefu.notices"
    label = "notices"
