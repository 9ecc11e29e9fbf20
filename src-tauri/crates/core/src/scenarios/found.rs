//! A token that was found in a file.

use super::{broker, bytes};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::fakes::{World, ask, rejected, serve};
use crate::policy::Action;
use crate::principal::{Kind, Principal};
use crate::request::Caller;

/// Of another process tree.
async fn bytes_of_a_run(broker: &Broker) -> String {
    let run = Principal::new(Kind::Run("run-1".to_owned()), Caller::default());
    let permit = broker.permit(&run, Action::Token, ask("prod")).unwrap();
    broker.token(permit, &run).await.unwrap().access_token().expose().to_owned()
}

#[tokio::test]
async fn a_token_that_was_found_is_on_the_record_by_its_place_and_served_to_nobody_again() {
    let world = World::signed_in();
    let broker = broker(&world);
    assert_eq!(bytes(&broker).await, "at-1");
    let fingerprint = rejected("at-1").unwrap().short().to_owned();
    let caller = Caller::default();
    let find = (fingerprint.as_str(), "/logs/a.log:12");
    assert_eq!(broker.token_found(&caller, find).unwrap().len(), 1);
    let line = world.witness.lines.lock().unwrap().last().unwrap().clone();
    for part in ["TokenFound", &format!("fingerprint: Some(\"{fingerprint}\")"), "/logs/a.log:12"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(line.contains("prod") && !line.contains("at-1"), "{line}");
    let refused = serve(&broker, &ask("prod")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::AccessDenied, "its lease has ended");
    assert_eq!(bytes_of_a_run(&broker).await, "at-2");
    let lines = || world.witness.lines.lock().unwrap().len();
    let before = lines();
    assert!(broker.token_found_again(&caller, find.0).unwrap().is_empty(), "nobody holds it");
    assert_eq!(lines(), before, "it is on the record once");
    assert!(broker.token_found(&caller, find).unwrap().is_empty());
}

#[tokio::test]
async fn one_that_cannot_be_recorded_is_handed_out_no_more_either() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    let fingerprint = rejected("at-1").unwrap();
    *world.witness.full.lock().unwrap() = true;
    assert!(broker.token_found(&Caller::default(), (fingerprint.short(), "a:1")).is_err());
    *world.witness.full.lock().unwrap() = false;
    assert!(serve(&broker, &ask("prod")).await.is_err());
    assert_eq!(bytes_of_a_run(&broker).await, "at-2");
}
