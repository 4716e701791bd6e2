"""Every address. An app's pages are the `urlpatterns` of its `web`, its calls of its `api`."""

from importlib import import_module

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.utils.module_loading import module_has_submodule
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from fleet.api.problems import unknown_address


def of_apps(submodule: str) -> list[URLPattern | URLResolver]:
    """The `urlpatterns` of this submodule of every app that has one."""
    return [
        pattern
        for app in apps.get_app_configs()
        if app.module is not None
        and module_has_submodule(app.module, submodule)
        and app.name.split(".")[0] in ("fleet", "devices", "resets")
        for pattern in getattr(import_module(f"{app.name}.{submodule}"), "urlpatterns", [])
    ]


urlpatterns = [
    path("", include("fleet.web.urls")),
    path("account/", include("allauth.account.urls")),
    path("", include(of_apps("web"))),
    path(
        "api/v1/",
        include(
            [
                path("schema/", SpectacularJSONAPIView.as_view(), name="schema"),
                path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
                *of_apps("api"),
            ]
        ),
    ),
    re_path("^api/", unknown_address),
]
