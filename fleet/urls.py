"""Every address. An app's pages are the `urlpatterns` of its `web`, its calls of its `api`."""

from importlib import import_module

from allauth.account import urls as allauth
from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.utils.module_loading import module_has_submodule
from drf_spectacular.views import SpectacularSwaggerSplitView

from fleet.api.problems import unknown_address
from fleet.api.schema import DocumentView


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


# Of the library's own pages, without those that would let people change whose account it is.
NOT_OURS = ("account_email", "account_set_password")
SIGN_IN = [pattern for pattern in allauth.urlpatterns if pattern.name not in NOT_OURS]

urlpatterns = [
    path(
        "api/v1/",
        include(
            [
                path("schema/", DocumentView.as_view(), name="schema"),
                path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
                *of_apps("api"),
            ]
        ),
    ),
    re_path("^api/", unknown_address),
    path("", include("fleet.web.urls")),
    path("account/", include(SIGN_IN)),
    path("", include(of_apps("web"))),
]
