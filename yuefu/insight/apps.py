from django.apps import AppConfig


class InsightConfig(AppConfig):
    name = "yuefu.insight"
    label = "insight"
