from django.urls import path

from fleet.web import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("healthz", views.healthz, name="healthz"),
    path("theme/", views.choose_theme, name="choose_theme"),
    path("style/", views.style, name="style"),
]
