//! The kill matrix: every step of sign-in, refresh, exchange and sign-out, and at each of them
//! everything that can cut it short. The table says what must hold; a cell is played by `cell.rs`.

mod blows;
mod cell;
mod independent;
mod provider;
mod report;
mod sandbox;
mod stage;
mod steps;
mod verdict;

use blows::Blow;
use cell::play_row;
use provider::Ground;
use steps::Step;
use verdict::Must;
use verdict::Must::{AsRedeemed, KeptOrLost, KeptOrRevoked, Lost, Nobody, Works};

/// In the order of [`Blow::ALL`]: SIGKILL, SIGTERM, `dagpass agent restart`, suspend, hang-up, a config
/// change that leaves the client what it is, one of its scopes, one to another client and back.
#[rustfmt::skip]
const MATRIX: [(Step, [Must; 8]); 15] = [
    (Step::BrowserAway,      [Nobody,     AsRedeemed, AsRedeemed, Works,      Nobody,     Works,      Works,      KeptOrRevoked]),
    (Step::RedeemBefore,     [Nobody,     Works,      Works,      Works,      Works,      Works,      Works,      KeptOrRevoked]),
    (Step::RedeemAfter,      [Lost,       Works,      Works,      Works,      Works,      Works,      Works,      KeptOrRevoked]),
    (Step::KeySets,          [AsRedeemed, AsRedeemed, AsRedeemed, AsRedeemed, AsRedeemed, AsRedeemed, AsRedeemed, KeptOrRevoked]),
    (Step::SignInSave,       [KeptOrLost, Works,      Works,      Works,      Works,      Works,      Works,      KeptOrRevoked]),
    (Step::DevicePoll,       [Lost,       Works,      Works,      Works,      Works,      Works,      Works,      KeptOrRevoked]),
    (Step::RefreshBefore,    [Works,      Works,      Works,      Works,      Works,      Works,      Works,      Works]),
    (Step::RefreshAfter,     [Lost,       Works,      Works,      Works,      Works,      Works,      Works,      Works]),
    (Step::RefreshSave,      [KeptOrLost, Works,      Works,      Works,      Works,      Works,      Works,      Works]),
    (Step::Published,        [Works,      Works,      Works,      Works,      Works,      Works,      Works,      Works]),
    (Step::Exchange,         [Works,      Works,      Works,      Works,      Works,      Works,      Works,      Works]),
    (Step::JwtBearer,        [Works,      Works,      Works,      Works,      Works,      Works,      Works,      Works]),
    (Step::RevokeBefore,     [Nobody,     Nobody,     Nobody,     Nobody,     Nobody,     Nobody,     Nobody,     Nobody]),
    (Step::RevokeAfter,      [Nobody,     Nobody,     Nobody,     Nobody,     Nobody,     Nobody,     Nobody,     Nobody]),
    (Step::DeploymentLogout, [Nobody,     Nobody,     Nobody,     Nobody,     Nobody,     Nobody,     Nobody,     Nobody]),
];

/// Cells that do not hold yet, each with what is missing. One that holds fails its row, so that the list
/// says the truth.
const NOT_YET: &[(Step, Blow, &str)] = &[
    (Step::RedeemBefore, Blow::Term, NOT_COUNTED),
    (Step::RedeemBefore, Blow::Restart, NOT_COUNTED),
    (Step::RedeemBefore, Blow::Suspend, NOT_COUNTED),
    (Step::RedeemBefore, Blow::HangUp, DIES_WITH_ITS_CALLER),
    (Step::RedeemBefore, Blow::ConfigClient, TAKEN_FOR_ANOTHER),
    (Step::RedeemAfter, Blow::Term, NOT_COUNTED),
    (Step::RedeemAfter, Blow::Restart, NOT_COUNTED),
    (Step::RedeemAfter, Blow::Suspend, NOT_COUNTED),
    (Step::RedeemAfter, Blow::HangUp, DIES_WITH_ITS_CALLER),
    (Step::RedeemAfter, Blow::ConfigClient, TAKEN_FOR_ANOTHER),
    (Step::SignInSave, Blow::Term, NOT_COUNTED),
    (Step::SignInSave, Blow::Restart, NOT_COUNTED),
    (Step::SignInSave, Blow::Suspend, NOT_COUNTED),
    (Step::SignInSave, Blow::HangUp, DIES_WITH_ITS_CALLER),
    (Step::DevicePoll, Blow::Term, NOT_COUNTED),
    (Step::DevicePoll, Blow::Restart, NOT_COUNTED),
    (Step::DevicePoll, Blow::Suspend, NOT_COUNTED),
    (Step::DevicePoll, Blow::HangUp, DIES_WITH_ITS_CALLER),
    (Step::DevicePoll, Blow::ConfigClient, TAKEN_FOR_ANOTHER),
    (Step::BrowserAway, Blow::ConfigClient, TAKEN_FOR_ANOTHER),
    (Step::KeySets, Blow::ConfigClient, TAKEN_FOR_ANOTHER),
];

const NOT_COUNTED: &str = "the drain does not count a sign-in that redeems its code or saves";
const DIES_WITH_ITS_CALLER: &str = "a sign-in's redeem and save end with whoever began it";
const TAKEN_FOR_ANOTHER: &str =
    "what a sign-in brought is adopted by a session that has another client by then";

macro_rules! rows {
    ($module:ident, $ground:expr, { $($name:ident: $step:ident,)* }) => {
        mod $module {
            use super::*;

            $(
                #[test]
                fn $name() {
                    play_row(Step::$step, $ground);
                }
            )*
        }
    };
}

rows!(at_the_independent_provider, Ground::Independent, {
    a_sign_in_while_the_browser_is_away: BrowserAway,
    a_sign_in_before_the_provider_took_the_code: RedeemBefore,
    a_sign_in_after_the_provider_took_the_code: RedeemAfter,
    a_sign_in_while_the_key_sets_are_on_their_way: KeySets,
    a_sign_in_while_the_keychain_hangs_at_the_save: SignInSave,
    a_sign_in_by_code_after_the_provider_answered: DevicePoll,
    a_refresh_before_the_provider_acted: RefreshBefore,
    a_refresh_after_the_provider_rotated: RefreshAfter,
    a_refresh_while_the_keychain_hangs_at_the_save: RefreshSave,
    a_refresh_once_its_token_is_published: Published,
    an_exchange_at_the_provider: Exchange,
    an_exchange_at_a_deployment: JwtBearer,
    a_sign_out_before_the_provider_revoked: RevokeBefore,
    a_sign_out_after_the_provider_revoked: RevokeAfter,
    a_sign_out_while_a_deployment_takes_its_token_back: DeploymentLogout,
});

rows!(at_the_sandbox, Ground::Sandbox, {
    a_sign_in_after_the_provider_took_the_code: RedeemAfter,
    a_refresh_before_the_provider_acted: RefreshBefore,
    a_refresh_after_the_provider_rotated: RefreshAfter,
    an_exchange_at_the_provider: Exchange,
    a_sign_out_before_the_provider_revoked: RevokeBefore,
});

#[test]
fn the_table_has_every_step_once_and_the_list_of_what_is_missing_names_cells_of_it() {
    let steps: Vec<Step> = MATRIX.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, Step::ALL);
    for (at, (step, blow, missing)) in NOT_YET.iter().enumerate() {
        assert!(!missing.is_empty(), "{step:?} at {blow:?}");
        let again = NOT_YET[..at].iter().any(|(s, b, _)| s == step && b == blow);
        assert!(!again, "{step:?} at {blow:?} is listed twice");
    }
}
