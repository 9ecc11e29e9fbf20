//! Every way in which Ping's products differ from each other and from the standards, as a test of what
//! the client does about it, against the embedded look-alike. A row a fact; a test bears its name.
//!
//! | What Ping does | Tests |
//! |---|---|
//! | refresh token bound to Ping's session; purge at ten sessions | `a_refresh_token_dies_with_pings_session_and_the_access_token_serves_to_its_end`, `the_eleventh_session_of_a_person_purges_the_first_and_its_refresh_token` |
//! | one current refresh token a session and client | `a_second_sign_in_replaces_the_refresh_token_that_its_session_killed`, `two_profiles_of_one_client_in_one_session_cost_the_first_its_sign_in` |
//! | rotation, no grace, family revoked | `a_rotated_refresh_token_is_saved_before_its_access_token_and_none_is_presented_twice`, `a_replay_by_somebody_else_revokes_the_family_and_the_person_signs_in_again`, `a_token_that_another_writer_rotated_is_read_again_before_the_session_is_given_up`, `a_lost_answer_without_grace_is_named_lost_in_rotation`, `an_unanswered_refresh_is_not_sent_again_while_the_access_token_lives` |
//! | grace after a rotation | `a_lost_answer_within_the_grace_is_asked_for_again_with_the_same_token` |
//! | rolling interval: field absent, empty, same | `the_old_refresh_token_is_kept_where_a_refresh_returns_none` |
//! | no refresh token (`offline_access`, policy) | `a_sign_in_without_a_refresh_token_warns_and_ends_with_its_access_token` |
//! | no ID token in the device grant | `without_an_id_token_the_person_is_known_by_userinfo_then_by_claims_then_unknown` |
//! | opaque access token, no `expires_in` | `an_opaque_token_without_expires_in_is_believed_for_300_seconds_and_never_parsed` |
//! | access token of seconds | `a_token_of_five_seconds_is_never_refreshed_in_a_loop` |
//! | scopes of several resources | `scopes_of_two_resources_are_refused_in_pings_words_and_the_session_is_kept` |
//! | `aud` a name or a list; two issuers | `the_audience_is_a_name_or_a_list_and_is_shown_as_it_came`, `of_two_issuers_on_the_same_keys_only_the_pinned_one_counts` |
//! | `:443` in the issuer | `an_issuer_with_port_443_is_compared_byte_for_byte` |
//! | templated or partial metadata | `an_endpoint_that_the_document_leaves_out_is_named_and_comes_from_the_profile` |
//! | `alg` none or HS256, wrong `kid`, rolled key | `an_id_token_that_is_not_the_issuers_signs_nobody_in`, `a_forged_id_token_in_a_refresh_is_refused_and_a_key_not_yet_published_is_waited_for`, `a_key_that_rolled_over_is_found_by_one_reading` |
//! | pending polls with 403 or 400 | `pingam_answers_a_pending_poll_with_403_and_the_poll_goes_on` |
//! | `slow_down`, lost poll, late approval | `slow_down_adds_five_seconds_for_good`, `a_lost_poll_does_not_lose_the_sign_in`, `an_approval_in_the_last_seconds_counts`, `a_code_that_nobody_approves_ends_the_polling_at_its_expiry` |
//! | custom verification URI | `a_custom_verification_uri_is_shown_as_it_came_and_nothing_is_added_to_it` |
//! | `verification_url` | `the_older_spelling_verification_url_is_read` |
//! | authorization code of a minute | `a_code_that_lives_a_second_is_redeemed_at_once`, `a_code_that_came_too_late_is_refused_and_tried_once` |
//! | exact, any or wildcard port | `an_exact_redirect_takes_the_next_registered_port_where_the_first_is_taken`, `where_every_registered_port_is_taken_a_code_signs_in`, `any_port_or_a_wildcard_takes_a_port_of_the_systems_choice`, `a_redirect_that_is_not_registered_shows_only_in_the_browser_and_a_code_signs_in` |
//! | `iss` in the callback | `a_callback_from_another_issuer_is_refused_and_its_code_never_sent` |
//! | a callback that comes again, or by https | `a_callback_that_comes_thrice_costs_one_exchange_and_shows_one_verdict`, `a_browser_that_comes_by_https_is_told_of_and_a_code_offered` |
//! | 429, 503, `Retry-After` | `retry_after_is_honoured_in_seconds_and_as_a_date_and_capped` |
//! | platform error shape | `the_platforms_error_shape_is_read_and_never_ends_a_session` |
//! | portal, interception, half an answer | `a_portal_a_proxy_or_half_an_answer_is_offline_and_the_refresh_token_is_kept`, `an_outage_is_not_noticed_while_the_access_token_lives`, `tls_that_somebody_else_ends_is_offline_and_no_token_is_sent_into_it` |
//! | stale revocations lock the client out | `signing_out_revokes_the_current_refresh_token_once_and_never_a_rolled_one`, `a_revocation_whose_answer_was_lost_is_not_sent_again`, `a_client_that_others_got_locked_out_is_named_and_the_session_is_kept` |
//! | shapes of groups | `groups_are_names_in_every_shape_that_ping_sends` |
//! | groups change after the sign-in | `groups_that_are_none_any_more_are_cleared`, `a_groups_claim_of_another_spelling_is_told_of_and_not_taken`, `a_group_gained_after_the_sign_in_shows_when_ping_says_so_or_after_the_next_one`, `a_grant_without_id_tokens_keeps_its_groups_until_the_next_sign_in` |
//! | JWT refresh token of 4 KB | `a_jwt_refresh_token_of_four_kilobytes_is_kept_and_rotated`, `a_record_over_the_limit_is_enveloped_and_one_below_comes_back` |
//! | clocks ten minutes apart | `a_clock_ten_minutes_off_is_reported_and_the_session_still_usable` |
//! | a fleet that wakes | `fifty_sessions_that_wake_together_are_refreshed_over_a_minute_and_not_at_once` |
//! | a success that lacks what was asked for | `a_refresh_token_that_came_alone_is_sent_at_once_and_nobody_notices`, `a_sign_in_whose_access_token_is_missing_is_finished_by_its_first_refresh`, `groups_by_the_hundred_in_both_tokens_and_a_large_key_set_are_taken` |
//! | another scope at a refresh | `a_server_that_wants_the_scope_named_is_told_it_and_that_is_remembered`, `a_refresh_that_gives_less_is_asked_again_by_name_with_the_new_token`, `a_refresh_that_gives_less_for_good_is_never_served_in_silence`, `a_refresh_that_leaves_offline_access_out_is_no_less` |
//! | `auth_time` broken, or 0 | `a_time_of_authentication_that_is_broken_or_zero_ends_nothing` |
//! | a new proof asked for, and not given | `a_new_proof_is_brought_by_browser_on_every_family`, `a_code_that_proves_nothing_new_is_refused_with_the_browser_named`, `a_code_that_proves_it_by_its_first_refresh_is_enough`, `another_policy_than_was_asked_for_signs_nobody_in` |
//! | a device request refused for what it asks to have proven | `a_device_request_is_sent_without_what_it_is_refused_for` |
//! | a subject by another name in another token | `a_person_whom_each_token_names_otherwise_is_not_another` |
//! | keys away after the sign-in | `keys_that_are_away_for_a_moment_cost_no_sign_in_and_delay_no_code` |
//! | another nonce at a refresh | `a_refreshed_id_token_with_another_nonce_is_set_aside_and_the_access_token_served` |
//! | signed userinfo, or somebody else's | `userinfo_is_read_by_its_content_type_and_never_for_somebody_else` |
//! | a device request that wants `response_type` | `a_device_request_is_asked_again_with_what_the_answer_names`, `a_device_sign_in_that_tells_nothing_is_judged_by_its_first_refresh` |
//! | metadata without the revocation endpoint that works; a bare 200 or 204 | `pingams_revocation_path_is_tried_where_the_document_is_silent`, `a_revocation_s_success_needs_no_body_and_no_content_type` |
//! | tokens of other kinds | `a_token_that_cannot_be_presented_is_refused_by_name_and_its_refresh_token_kept` |
//! | an exchange refused | `an_exchange_that_is_refused_rests_and_says_nothing_of_the_session` |
//! | DPoP required | `a_client_that_must_prove_possession_is_told_that_dpop_is_unsupported` |

#[cfg(test)]
mod answers;
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
mod proof;
#[cfg(test)]
mod redirect;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod wake;
