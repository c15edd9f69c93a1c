from django.apps import AppConfig


class OffersConfig(AppConfig):
    name = "yuefu.offers"
    label = "offers"
