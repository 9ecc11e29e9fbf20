//! Every way in which Ping's products differ from each other and from the standards, as a test of what
//! the client does about it, against the embedded look-alike. A row a fact; a test bears its name.
//!
//! | What Ping does | Tests, by module |
//! |---|---|
//! | refresh token bound to Ping's session; purge at ten sessions | `sessions`: a_refresh_token_dies_with_pings_session_…, the_eleventh_session_… |
//! | one current refresh token a session and client | `sessions`: a_second_sign_in_replaces_…, two_profiles_of_one_client_… |
//! | rotation, no grace, family revoked | `rotation`: a_rotated_refresh_token_is_saved_…, a_replay_by_somebody_else_…, a_token_that_another_writer_rotated_…, a_lost_answer_without_grace_…, an_unanswered_refresh_… |
//! | grace after a rotation | `rotation`: a_lost_answer_within_the_grace_… |
//! | rolling interval: field absent, empty, same | `rotation`: the_old_refresh_token_is_kept_… |
//! | no refresh token (`offline_access`, policy) | `sessions`: a_sign_in_without_a_refresh_token_… |
//! | no ID token in the device grant | `device`: without_an_id_token_… |
//! | opaque access token, no `expires_in` | `tokens`: an_opaque_token_… |
//! | access token of seconds | `tokens`: a_token_of_five_seconds_… |
//! | scopes of several resources | `tokens`: scopes_of_two_resources_… |
//! | `aud` a name or a list; two issuers | `tokens`: the_audience_…; `discovery_and_keys`: of_two_issuers_… |
//! | `:443` in the issuer | `discovery_and_keys`: an_issuer_with_port_443_… |
//! | templated or partial metadata | `discovery_and_keys`: an_endpoint_that_the_document_leaves_out_… |
//! | `alg` none or HS256, wrong `kid`, rolled key | `discovery_and_keys`: an_id_token_that_is_not_the_issuers_…, a_forged_id_token_in_a_refresh_…, a_key_that_rolled_over_… |
//! | pending polls with 403 or 400 | `device`: pingam_answers_a_pending_poll_… |
//! | `slow_down`, lost poll, late approval | `device`: slow_down_…, a_lost_poll_…, an_approval_in_the_last_seconds_…, a_code_that_nobody_approves_… |
//! | custom verification URI | `device`: a_custom_verification_uri_… |
//! | `verification_url` | `device`: the_older_spelling_… |
//! | authorization code of a minute | `redirect`: a_code_that_lives_a_second_…, a_code_that_came_too_late_… |
//! | exact, any or wildcard port | `redirect`: an_exact_redirect_…, where_every_registered_port_…, any_port_…, a_redirect_that_is_not_registered_… |
//! | `iss` in the callback | `redirect`: a_callback_from_another_issuer_… |
//! | 429, 503, `Retry-After` | `outages`: retry_after_… |
//! | platform error shape | `outages`: the_platforms_error_shape_… |
//! | portal, interception, half an answer | `outages`: a_portal_…, an_outage_…, tls_that_somebody_else_ends_… |
//! | stale revocations lock the client out | `revocation` |
//! | shapes of groups | `groups`: groups_are_names_… |
//! | groups change after the sign-in | `groups`: a_group_gained_…, a_grant_without_id_tokens_… |
//! | JWT refresh token of 4 KB | `rotation`: a_jwt_refresh_token_…; against Windows' limit in the agent's `keychain/tests.rs`: a_record_over_the_limit_is_enveloped_… |
//! | clocks ten minutes apart | `tokens`: a_clock_ten_minutes_off_… |
//! | a fleet that wakes | `wake` |
//! | DPoP required | `tokens`: a_client_that_must_prove_possession_… |

#[cfg(test)]
mod clock;
#[cfg(test)]
mod device;
#[cfg(test)]
mod discovery_and_keys;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod person;
#[cfg(test)]
mod redirect;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod wake;
