//! What happens while an issue goes on the record, which may have to wait for its turn there.

use super::*;
use crate::audit::Event;

fn revoke_all(broker: &Broker) {
    for lease in broker.leases(&terminal(900)).leases {
        broker.revoke_leases(&terminal(900), Which::Id(&lease.id), "by the person").unwrap();
    }
}

#[tokio::test]
async fn a_no_stands_where_the_issue_that_it_overtook_could_not_be_recorded() {
    let scene = scene();
    let shell = terminal(10);
    scene.bytes(&shell).await.unwrap();
    scene.broker.end_all_leases();
    let (broker, witness) = (scene.broker.clone(), scene.world.witness.clone());
    scene.world.witness.meanwhile.at(Event::Issue, move || {
        revoke_all(&broker);
        *witness.full.lock().unwrap() = true;
    });
    assert_eq!(scene.bytes(&shell).await, Err(ErrorCode::NotRecorded));
    *scene.world.witness.full.lock().unwrap() = false;
    assert_eq!(scene.bytes(&shell).await, DENIED);
}
