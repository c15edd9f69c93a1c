from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "yuefu.sandbox"
    label = "sandbox"
