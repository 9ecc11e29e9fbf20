//! Reads TOML tables key by key, remembers where each value stood and collects what is wrong.
//! Decides nothing about meaning; stops at no problem.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dagpass_client::wire::ConfigProblem;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::words::nearest;

/// A table of the config whose keys are the fields of a struct.
pub(super) trait Table: Sized {
    fn read(section: &mut Section<'_, '_>) -> Self;
    /// This table's keys, and those of `base` where it has none of its own.
    fn over(self, base: &Self) -> Self;
    /// Every key that it may have.
    fn keys() -> Vec<String>;
}

/// A value and where it was typed.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// `profile.prod.issuer`, and the byte it starts at.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) offset: usize,
}

impl Place {
    /// A key of this table that was not typed: the place is the table's.
    pub(super) fn missing(&self, key: &str) -> Self {
        self.below(key, self.offset)
    }

    pub(super) fn below(&self, key: &str, offset: usize) -> Self {
        Self { key: join(&self.key, key), offset }
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

/// Everything that is wrong, in the order of the file.
#[derive(Debug)]
pub(super) struct Problems<'t> {
    own: Text<'t>,
    /// The machine's, whose places go on where those of the file end.
    behind: Option<Text<'t>>,
    found: Vec<ConfigProblem>,
    warned: Vec<ConfigProblem>,
    callbacks: Vec<ConfigProblem>,
}

/// A text, and the file it is shown by.
#[derive(Debug)]
struct Text<'t> {
    file: String,
    text: &'t str,
    /// Where its first byte is among all places.
    start: usize,
}

impl<'t> Problems<'t> {
    pub(super) fn new(file: String, text: &'t str) -> Self {
        let own = Text { file, text, start: 0 };
        Self { own, behind: None, found: Vec::new(), warned: Vec::new(), callbacks: Vec::new() }
    }

    /// `text` is the machine's as it stands in `file`; the places that lie `start` further on are in it.
    pub(super) fn and_behind(&mut self, file: String, text: &'t str, start: usize) {
        self.behind = Some(Text { file, text, start });
    }

    /// Does it stand in the file itself, not in the machine's?
    pub(super) fn is_own(&self, place: &Place) -> bool {
        self.behind.as_ref().is_none_or(|behind| place.offset < behind.start)
    }

    /// The file that it stands in.
    pub(super) fn file(&self, place: &Place) -> &str {
        &self.text(place).file
    }

    fn text(&self, place: &Place) -> &Text<'t> {
        match &self.behind {
            Some(behind) if !self.is_own(place) => behind,
            Some(_) | None => &self.own,
        }
    }

    pub(super) fn add(&mut self, place: &Place, message: impl Into<String>) {
        self.push(place, message.into(), None);
    }

    pub(super) fn add_hint(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(place, message.into(), Some(hint.into()));
    }

    /// What may be meant as it stands, and may not.
    pub(super) fn warn(&mut self, place: &Place, message: String, hint: &str) {
        let warning = self.at(place, message, Some(hint.to_owned()));
        self.warned.push(warning);
    }

    pub(super) fn warn_of_callback(&mut self, place: &Place, message: String, hint: &str) {
        let warning = self.at(place, message, Some(hint.to_owned()));
        self.callbacks.push(warning);
    }

    pub(super) fn callbacks(&self) -> Vec<ConfigProblem> {
        self.callbacks.clone()
    }

    pub(super) fn warnings(&self) -> Vec<ConfigProblem> {
        self.warned.clone()
    }

    /// From 1.
    pub(super) fn line(&self, place: &Place) -> usize {
        self.line_and_column(place).0
    }

    /// Is something wrong with that key already? A value of the wrong type is not missing.
    pub(super) fn has(&self, place: &Place) -> bool {
        self.found.iter().any(|problem| problem.key == place.key)
    }

    /// Sorted by place, each once: an overlay repeats what is wrong with the table below it.
    pub(super) fn into_sorted(mut self) -> Vec<ConfigProblem> {
        let own = &self.own.file;
        self.found.sort_by_key(|one| (one.file != *own, one.line, one.column));
        let mut seen: Vec<ConfigProblem> = Vec::new();
        for problem in self.found {
            let known = |old: &ConfigProblem| {
                (&old.file, old.line, old.column, &old.message)
                    == (&problem.file, problem.line, problem.column, &problem.message)
            };
            if !seen.iter().any(known) {
                seen.push(problem);
            }
        }
        seen
    }

    /// Both from 1.
    pub(super) fn line_and_column(&self, place: &Place) -> (usize, usize) {
        let Text { text, start, .. } = self.text(place);
        line_and_column(text, place.offset - start)
    }

    fn push(&mut self, place: &Place, message: String, hint: Option<String>) {
        let problem = self.at(place, message, hint);
        self.found.push(problem);
    }

    fn at(&self, place: &Place, message: String, hint: Option<String>) -> ConfigProblem {
        let (line, column) = self.line_and_column(place);
        let key = place.key.clone();
        let file = self.file(place).to_owned();
        ConfigProblem { file, line, column, key, message, hint }
    }
}

/// One table that is being read.
pub(super) struct Section<'d, 't> {
    rest: DeTable<'d>,
    pub(super) place: Place,
    known: Vec<String>,
    pub(super) problems: &'d mut Problems<'t>,
}

impl<'d, 't> Section<'d, 't> {
    pub(super) fn new(table: DeTable<'d>, place: Place, problems: &'d mut Problems<'t>) -> Self {
        Self { rest: table, place, known: Vec::new(), problems }
    }

    /// The value of `key`; `None` where it is absent or not of that type, which is then on the list.
    pub(super) fn take<T: DeserializeOwned>(&mut self, key: &str) -> Option<At<T>> {
        let (place, value) = self.remove(key)?;
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(At { value, place }),
            Err(error) => {
                let offset = error.span().map_or(place.offset, |span| span.start);
                let place = Place { offset, ..place };
                self.problems.add(&place, said(&error));
                None
            }
        }
    }

    /// The table at `key`, read by `read`.
    pub(super) fn table<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Section<'_, 't>) -> T,
    ) -> Option<At<T>> {
        let (place, value) = self.remove(key)?;
        descend(value, place, self.problems, read)
    }

    /// The tables below `key`, by name: `[profile.prod]`.
    pub(super) fn tables<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Section<'_, 't>) -> T,
    ) -> BTreeMap<String, At<T>> {
        let Some((place, value)) = self.remove(key) else { return BTreeMap::new() };
        let mut named = BTreeMap::new();
        let all = descend(value, place, self.problems, |section| {
            for (name, value) in std::mem::take(&mut section.rest) {
                let offset = value.span().start;
                let name = name.into_inner().into_owned();
                let place = Place { key: join(&section.place.key, &name), offset };
                if let Some(one) = descend(value, place, section.problems, &mut read) {
                    named.insert(name, one);
                }
            }
        });
        all.map_or_else(BTreeMap::new, |_| named)
    }

    fn remove(&mut self, key: &str) -> Option<(Place, Spanned<DeValue<'d>>)> {
        self.known.push(key.to_owned());
        let (_, value) = self.rest.remove_entry(key)?;
        let place = Place { key: join(&self.place.key, key), offset: value.span().start };
        Some((place, value))
    }

    /// What nobody asked for is not silently left out.
    fn finish(mut self) {
        for (key, _) in std::mem::take(&mut self.rest) {
            let offset = key.span().start;
            let typed = key.get_ref();
            let place = Place { key: join(&self.place.key, typed), offset };
            let message = format!("unknown key `{typed}`");
            match nearest(typed, self.known.iter().map(String::as_str)) {
                Some(near) => {
                    self.problems.add_hint(&place, message, format!("did you mean `{near}`?"))
                }
                None => self.problems.add_hint(
                    &place,
                    message,
                    format!("known here: {}", self.known.join(", ")),
                ),
            }
        }
    }
}

fn descend<'t, T>(
    value: Spanned<DeValue<'_>>,
    place: Place,
    problems: &mut Problems<'t>,
    read: impl FnOnce(&mut Section<'_, 't>) -> T,
) -> Option<At<T>> {
    match value.into_inner() {
        DeValue::Table(table) => {
            let mut section = Section::new(table, place.clone(), problems);
            let value = read(&mut section);
            section.finish();
            Some(At { value, place })
        }
        other => {
            problems.add(&place, format!("expected a table, found {}", other.type_str()));
            None
        }
    }
}

/// The whole file, read by `read` once `laid` has put beneath it what it does not say itself. `None` where it is
/// no TOML.
pub(super) fn document<'t, T>(
    text: &'t str,
    problems: &mut Problems<'t>,
    laid: impl FnOnce(&mut DeTable<'t>, &mut Problems<'t>),
    read: impl FnOnce(&mut Section<'_, 't>) -> T,
) -> Option<T> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let place = Place { key: String::new(), offset };
        problems.add(&place, said(error));
    }
    if !errors.is_empty() {
        return None;
    }
    let mut table = table.into_inner();
    laid(&mut table, problems);
    let mut section = Section::new(table, Place::default(), problems);
    let value = read(&mut section);
    section.finish();
    Some(value)
}

/// On one line; an enumeration's own words for "not a string" are the parser's, not a person's.
fn said(error: &toml::de::Error) -> String {
    let message = error.message().trim().replace('\n', ", ");
    message.replace("wanted string or table", "expected a string")
}

/// TOML's own quoting, so that a key of the list can be searched for in the file.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare =
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Both from 1; columns count characters, as editors do.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
