from django.apps import AppConfig


class GrowthConfig(AppConfig):
    name = "yuefu.growth"
    label = "growth"
