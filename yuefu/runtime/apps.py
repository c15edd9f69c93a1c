from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "yuefu.runtime"
    label = "runtime"
