from django.apps import AppConfig


class PapersConfig(AppConfig):
    name = "yuefu.papers"
    label = "papers"
