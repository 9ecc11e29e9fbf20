//! How what goes is packed, and a collector that takes nothing packed.

use super::super::*;
use super::world::{Mood, World, says};

#[tokio::test]
async fn what_goes_is_gzip_and_plain_where_the_config_says_so_for_a_collector_that_takes_none() {
    let mut world = World::new();
    world.write(100);
    world.mood(Mood::Plain);
    world.shipping.tend().await;
    let why = world.shipping.status().await.error.unwrap();
    let words =
        "it answered 415: unsupported content encoding; where it takes no gzip, `compression";
    assert!(why.starts_with(words), "{why}");
    assert!(world.taken().is_empty());
    world.configure("compression = \"none\"");
    world.restart();
    world.shipping.tend().await;
    assert_eq!(world.lines(), world.text().lines().collect::<Vec<_>>());
    let encodings = world.with(|fake| fake.encodings.clone());
    assert_eq!(encodings, [Some("gzip".to_owned()), None]);
    // What it says then is of something else.
    world.mood(says(415, "", vec![]));
    world.write(1);
    world.shipping.ship_now().await;
    assert_eq!(world.shipping.status().await.error.as_deref(), Some("it answered 415"));
    let (line, many) = (br#"{"v":2,"event":"issue"}"#, 512);
    let packed = packed(&line.repeat(many)).unwrap();
    assert!(packed.len() < line.len() * many / 10, "{}", packed.len());
}
