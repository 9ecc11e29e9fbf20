//! The Airflow provider in real Airflow, on the versions whose lock files are committed: its own tests
//! beside Airflow's classes, every DAG against a stand-in for the agent, the first page of its docs as it
//! stands, a server with FAB beside the independent OpenID provider, and `airflow setup` for each layout. The
//! environments, `uv` and the databases are kept by `tests/airflow/run.py` itself, in the same cache folder.

use crate::Outcome;
use crate::again;
use crate::builds;
use crate::house::House;
use crate::idp;
use crate::setup::{self, For};
use crate::shell::{Failure, Shell};

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    setup::packages(For::Airflow)?;
    runner(house).arg("lint").run()?;
    for part in ["unit", "clients", "rehearse", "told"] {
        again::part(house, part, || runner(house).arg(part).run())?;
    }
    setup::packages(For::Rig)?;
    idp::node_modules(house)?;
    // `airflow setup --server` writes what one of these servers starts with.
    builds::programs_and_tests(house)?;
    let program = house.target.join("debug/dagpass");
    for part in ["page", "container", "server", "layouts"] {
        let runner = runner(house).arg(part).env("DAGPASS_PROGRAM", &program);
        again::part(house, part, || runner.run())?;
    }
    Ok(Outcome::Done)
}

/// `tests/airflow/run.py`, for one of its parts.
pub(crate) fn runner(house: &House) -> Shell {
    Shell::new("python3").arg(house.at("tests/airflow/run.py")).env("DAGPASS_CACHE", &house.cache)
}
