"""Groups as this library's documentation has a project add claims of its own."""

from __future__ import annotations

import provider
from oauth2_provider.oauth2_validators import OAuth2Validator


class WithGroups(OAuth2Validator):
    oidc_claim_scope = OAuth2Validator.oidc_claim_scope | {"groups": "groups"}

    def get_additional_claims(self):
        return {
            "name": lambda request: request.user.first_name,
            "groups": lambda request: provider.GROUPS[request.user.username],
        }
