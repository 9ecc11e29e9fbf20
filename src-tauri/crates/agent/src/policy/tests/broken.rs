//! A policy that is broken in one way at a time: where, and what mends it.

use super::super::layer::Layer;
use super::source;

#[test]
fn what_is_wrong_with_a_policy_is_told_with_its_line_and_column() {
    let long = format!("permit(principal, action, resource) when {{ {}true }};", "!".repeat(5));
    let table: &[(&str, usize, usize, &str)] = &[
        ("permit(principal, action, resource)", 1, 36, "end of input"),
        ("permit(principal, action);", 1, 25, "resource"),
        ("allow(principal, action, resource);", 1, 1, "effect"),
        (
            "permit(principal, action, resource) when { context.approved ;",
            1,
            61,
            "unexpected token",
        ),
        ("permit(principal, action, resource) when { context.aproved };", 1, 44, "aproved"),
        ("\n\npermit(principal is Ower, action, resource);", 3, 21, "Ower"),
        ("permit(principal, action == Action::\"tokn\", resource);", 1, 29, "tokn"),
        (
            "permit(principal, action, resource) when { context.connection == \"x\" };",
            1,
            44,
            "connection",
        ),
        (
            "permit(principal, action, resource) when { context.program.path like \"x\" };",
            1,
            44,
            "program",
        ),
        ("permit(principal, action, resource) when { context.remote == 1 };", 1, 44, "compatible"),
        ("permit(principal, action, resource) when { context.time.hour > \"8\" };", 1, 64, "type"),
        ("permit(principal, action, resource) when { \"a\" + 1 > 2 };", 1, 44, "type"),
        ("permit(principal, action, resource) when { resource.name == \"x\" };", 1, 44, "name"),
        (
            "permit(principal, action, resource) when { context.scopes.contains(\"a\") };",
            1,
            44,
            "scopes",
        ),
        (
            "permit(principal, action, resource) when { context has scopes && [].contains(\"a\") };",
            1,
            66,
            "empty set",
        ),
        ("permit(principal == ?principal, action, resource);", 1, 1, "template"),
        (
            "@id(\"a\") permit(principal, action, resource);\n@id(\"a\") forbid(principal, action, resource);",
            2,
            1,
            "another policy `a`",
        ),
        ("permit(principal, action, resource) when { nosuch(\"10.0.0.1\") };", 1, 44, "nosuch"),
        ("@id(\"a\" permit(principal, action, resource);", 1, 9, "unexpected token"),
        (&long, 1, 44, "unary"),
        (
            "permit(principal, action, resource) when { if true then 1 else \"a\" };",
            1,
            44,
            "expected Bool",
        ),
        ("permit(principal in User::\"a\", action, resource);", 1, 21, "User"),
    ];
    assert!(table.len() >= 20);
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(text, line, column, word)| {
            let Err(found) = Layer::compile("policy.cedar", vec![source(text)]) else {
                return Some(format!("{text}\n  loads"));
            };
            let first = &found[0];
            let told = format!("{first} ({})", first.hint.as_deref().unwrap_or("no hint"));
            let right = (first.line, first.column) == (*line, *column)
                && told.contains(word)
                && !told.contains('\n')
                && first.file == "policy.cedar";
            (!right).then(|| format!("{text}\n  {told}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
