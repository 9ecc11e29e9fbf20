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
fn the_table_has_every_step_once() {
    let steps: Vec<Step> = MATRIX.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, Step::ALL);
}
