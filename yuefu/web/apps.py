from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "yuefu.web"
    label = "web"
