//! Which services of a compose file run Airflow's code. Decides from the lines of the `services` block:
//! an image or an anchor that says Airflow, or a name that begins so. Where it cannot tell, it finds
//! none, and a person names them.

/// One service that runs Airflow's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) name: String,
    /// `user: "0:0"`, as the stock `airflow-init`: its uid is on no door's list, and it needs no token.
    pub(super) as_root: bool,
}

pub(super) fn of_airflow(text: &str) -> Vec<Service> {
    let mut found: Vec<Service> = Vec::new();
    let mut airflow = Vec::new();
    let mut depth = None;
    for line in block(text) {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        if indent <= *depth.get_or_insert(indent) {
            let name = line.split(':').next().unwrap_or_default().trim_matches(['"', '\'']);
            airflow.push(name.starts_with("airflow"));
            found.push(Service { name: name.to_owned(), as_root: false });
            continue;
        }
        let (Some(service), Some(airflow)) = (found.last_mut(), airflow.last_mut()) else {
            continue;
        };
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim().trim_matches(['"', '\'']);
        match key.trim() {
            "<<" => *airflow |= value.contains("airflow"),
            "image" => *airflow |= value.contains("airflow"),
            "user" => service.as_root = value == "0" || value.starts_with("0:") || value == "root",
            _ => {}
        }
    }
    let airflow = airflow.into_iter();
    found.into_iter().zip(airflow).filter_map(|(service, ours)| ours.then_some(service)).collect()
}

/// The lines under `services:` that say something.
fn block(text: &str) -> impl Iterator<Item = &str> {
    let says = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let lines = text.lines().filter(says).skip_while(|line| line.trim_end() != "services:").skip(1);
    lines.take_while(|line| line.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        of_airflow(text).into_iter().map(|service| service.name).collect()
    }

    #[test]
    fn a_service_is_airflow_s_by_image_anchor_or_name() {
        let text = "x-airflow-common:\n  &airflow-common\n  image: apache/airflow\n\nservices:\n\
            \x20 # comment\n  postgres:\n    image: postgres:16\n  worker:\n    <<: *airflow-common\n\
            \x20   depends_on:\n      airflow-init:\n        condition: started\n\
            \x20 custom:\n    image: \"corp/airflow:3\"\n  \"airflow-cli\":\n    build: .\n\
            \x20 init:\n    <<: *airflow-common\n    user: \"0:0\"\nvolumes:\n  airflow-db:\n";
        assert_eq!(names(text), ["worker", "custom", "airflow-cli", "init"]);
        let roots: Vec<bool> = of_airflow(text).iter().map(|service| service.as_root).collect();
        assert_eq!(roots, [false, false, false, true]);
    }

    #[test]
    fn where_it_cannot_be_told_none_is_found() {
        for text in ["", "services:\n", "services: {}\n", "services:\n  web:\n    build: .\n"] {
            assert!(names(text).is_empty(), "{text:?}");
        }
    }
}
