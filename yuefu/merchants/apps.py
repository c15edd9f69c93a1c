from django.apps import AppConfig


class MerchantsConfig(AppConfig):
    name = "yuefu.merchants"
    label = "merchants"
