//! The fences of the house, held by a test: who may depend on whom, files that no runner sees, files
//! that outgrow their room, work left undone. Each rule is a function over values with a test of its
//! own that plants what it must find; here they meet the real clone.

#[cfg(test)]
#[path = "architecture/clone.rs"]
mod clone;
#[path = "architecture/fences.rs"]
mod fences;
#[path = "architecture/places.rs"]
mod places;
#[path = "architecture/rooms.rs"]
mod rooms;
#[path = "architecture/runners.rs"]
mod runners;
#[path = "architecture/statements.rs"]
mod statements;
#[path = "architecture/texts.rs"]
mod texts;

use clone::Clone;

#[test]
fn every_crate_keeps_its_fences() {
    let clone = Clone::read();
    assert!(clone.crates.len() >= 7, "{} crates: metadata was not read", clone.crates.len());
    assert_eq!(fences::broken(&clone.crates), [] as [String; 0]);
}

#[test]
fn every_room_of_the_agent_takes_from_those_below_it() {
    assert_eq!(rooms::faults(&Clone::read().files), [] as [String; 0]);
}

#[test]
fn no_crate_reaches_what_it_must_never_link() {
    let edges = clone::edges();
    assert!(edges.len() > 200, "{} edges: metadata was not read", edges.len());
    for (from, never) in fences::NEVER_REACHES {
        let reached = fences::reached(from, &edges);
        assert!(reached.len() > 1, "{from} is not in the graph");
        for to in never {
            assert!(!reached.contains(to), "{from} reaches {to}");
        }
    }
}

/// Whoever could open them would read what the page holds, and ask what it asks.
#[test]
fn the_window_ships_without_developer_tools() {
    for name in ["tauri", "tauri-runtime-wry", "wry"] {
        let on = clone::switched_on(name);
        assert!(!on.is_empty(), "{name} is not in the graph");
        assert!(!on.iter().any(|feature| feature == "devtools"), "{name}: {on:?}");
    }
}

#[test]
fn every_rust_file_is_in_a_crate_or_a_test_binary() {
    let clone = Clone::read();
    assert_eq!(runners::unreached(&clone.files, &clone.roots), [] as [std::path::PathBuf; 0]);
}

#[test]
fn every_python_and_node_test_is_collected() {
    assert_eq!(runners::uncollected(&Clone::read().files), [] as [std::path::PathBuf; 0]);
}

#[test]
fn every_text_is_within_its_budget_and_finished() {
    let clone = Clone::read();
    assert!(clone.files.len() > 60, "{} files: the clone was not read", clone.files.len());
    assert_eq!(texts::faults(&clone.files), [] as [String; 0]);
}

#[test]
fn the_list_of_unsafe_files_names_no_file_that_is_gone() {
    let files = Clone::read().files;
    for name in texts::MAY_USE_UNSAFE {
        assert!(files.contains_key(std::path::Path::new(name)), "{name} is gone");
    }
}

#[test]
fn the_top_level_holds_what_it_may_and_registries_are_pinned() {
    let clone = Clone::read();
    assert_eq!(places::misplaced(&clone.top), [] as [String; 0]);
    assert_eq!(places::unpinned(&clone.files), [] as [String; 0]);
}
