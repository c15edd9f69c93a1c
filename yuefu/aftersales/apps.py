from django.apps import AppConfig


class AftersalesConfig(AppConfig):
    name = "yuefu.aftersales"
    label = "aftersales"
