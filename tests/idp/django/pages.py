"""Which page is where: the library's own, a login, and what a test asks for under `/rig/`."""

from __future__ import annotations

import provider
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.decorators import protected_resource
from oauth2_provider.models import get_refresh_token_model


def recorded(answer):
    """A middleware that keeps what went through the library's own endpoints."""

    def look(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        if request.path.startswith(provider.PREFIX):
            provider.RECORD.keep(request, response)
        return response

    return look


def calls(_request: HttpRequest) -> HttpResponse:
    return JsonResponse({"calls": provider.RECORD.calls})


def secrets(_request: HttpRequest) -> HttpResponse:
    found = [{"kind": kind, "value": value} for value, kind in provider.RECORD.secrets.items()]
    return JsonResponse({"secrets": found})


@protected_resource(scopes=["warehouse:read"])
def api(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"user": request.resource_owner.username})


@csrf_exempt
def end_families(_request: HttpRequest) -> HttpResponse:
    """What an admin does: every refresh token that stands is revoked."""
    standing = get_refresh_token_model().objects.filter(revoked__isnull=True)
    ended = [token.revoke() for token in standing]
    return JsonResponse({"ended": len(ended)})


def current(_request: HttpRequest) -> HttpResponse:
    """What a thief has: the refresh token that stands. It is never sent to the agent under test."""
    standing = get_refresh_token_model().objects.filter(revoked__isnull=True)
    return JsonResponse({"tokens": [token.token for token in standing]})


urlpatterns = [
    path("login/", LoginView.as_view(template_name="login.html")),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("rig/calls", calls),
    path("rig/secrets", secrets),
    path("rig/api", api),
    path("rig/end-families", end_families),
    path("rig/current", current),
]
