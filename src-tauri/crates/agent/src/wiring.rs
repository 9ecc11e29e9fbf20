//! Which adapter stands behind which port of the core, and what the routes work with. Starts nothing.

use std::sync::Arc;

use dagpass_core::broker::Broker;
use dagpass_core::ports::{Clock, Ports};
use dagpass_core::sign_in::SignInPorts;

use crate::airflow::Airflow;
use crate::approvals::Book;
use crate::browser::SystemBrowser;
use crate::callback::LoopbackCallbacks;
use crate::config::ConfigFile;
use crate::cosigning::Cosigning;
use crate::keychain::KeychainStore;
use crate::ledger::{Pruning, Sealer, Shipping};
use crate::local_api::{About, Api, Parts};
use crate::ping::Ping;
use crate::policy::Standing;
use crate::random::random;
use crate::tasks::Tasks;
use crate::witness::Observer;

pub(crate) fn wire(
    clock: &Arc<dyn Clock>,
    config: &Arc<ConfigFile>,
    witness: &Arc<Observer>,
    store: Arc<KeychainStore>,
    about: About,
) -> Api {
    let ping = Arc::new(Ping::proving(clock.clone(), store.clone()));
    let airflow = Arc::new(Airflow::new(clock.clone()));
    let tasks = Tasks::default();
    let policy = Arc::new(Standing::open(about.policy_file.clone()));
    let broker = Broker::new(Ports {
        clock: clock.clone(),
        server: ping.clone(),
        airflow: airflow.clone(),
        store: store.clone(),
        owed: store.clone(),
        pending: store.clone(),
        authorizer: policy.engine.clone(),
        approvals: Arc::new(Book::at(about.approvals_file.clone())),
        witness: witness.clone(),
        spawn: Arc::new(tasks.clone()),
    });
    let sign_in = SignInPorts {
        clock: clock.clone(),
        server: ping.clone(),
        store: store.clone(),
        browser: Arc::new(SystemBrowser::default()),
        callbacks: Arc::new(LoopbackCallbacks::default()),
        random,
    };
    let config = config.clone();
    let (ledger, task_runs) = (witness.ledger.clone(), witness.runs.clone());
    let sealer = Arc::new(Sealer::new(ledger.clone(), clock.clone()));
    let cosigning = Cosigning::new(config.clone(), sealer.clone(), witness.clone(), clock.clone());
    let cosigning = Arc::new(cosigning);
    let shipping = Shipping::new(config.clone(), ledger.clone(), clock.clone());
    let pruning = Pruning::new(config.clone(), ledger.clone(), sealer.clone(), clock.clone());
    let witness = witness.clone();
    let parts = Parts {
        broker,
        config,
        policy,
        ping,
        airflow,
        store,
        sign_in,
        witness,
        ledger,
        sealer,
        cosigning,
        shipping: Arc::new(shipping),
        pruning: Arc::new(pruning),
        task_runs,
        tasks,
    };
    Api::new(parts, about)
}
