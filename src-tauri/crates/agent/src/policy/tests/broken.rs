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

#[test]
fn a_text_that_is_too_much_is_refused_and_one_as_deep_as_may_be_is_read() {
    let rules = |count: usize| "forbid(principal, action, resource);\n".repeat(count);
    let told = |text: &str| {
        let loaded = Layer::compile("policy.cedar", vec![source(text)]);
        loaded.map(|layer| layer.rules.len()).map_err(|found| found[0].message.clone())
    };
    assert_eq!(told(&rules(20)), Ok(20));
    assert!(told(&rules(2_001)).unwrap_err().contains("no more than 2000 rules"));
    let long = format!("{}//{}", rules(1), "x".repeat(256 * 1024));
    assert!(told(&long).unwrap_err().contains("no longer than 262144 bytes"));
    // Deep, and no deeper than the stack.
    let deep = "(".repeat(20_000) + "true" + &")".repeat(20_000);
    let when =
        |text: &str| told(&format!("permit(principal, action, resource) when {{ {text} }};"));
    assert!(when(&deep).unwrap_err().contains("brackets"));
    for (link, most) in
        [("true && ", 350), ("context.remote || ", 180), ("if true then true else ", 60)]
    {
        let told = when(&(link.repeat(10_000) + "true")).unwrap_err();
        assert!(told.contains("operators") || told.contains("brackets"), "{told}");
        assert_eq!(when(&(link.repeat(most) + "true")), Ok(1), "{link}");
    }
    // Each mistake is looked for in the text: some are enough.
    let wrong = "permit(principal, action, resource) when { context.nosuch };\n".repeat(150);
    let found = Layer::compile("policy.cedar", vec![source(&wrong)]).unwrap_err();
    assert!(!found.is_empty() && found.len() <= 100, "{}", found.len());
}
