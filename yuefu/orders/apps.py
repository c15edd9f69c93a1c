from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "yuefu.orders"
    label = "orders"
