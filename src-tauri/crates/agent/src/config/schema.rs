//! The JSON Schema of `config.toml`, for editors and `dagpass config schema`.

use super::raw::RawConfig;

/// Pretty-printed JSON Schema, without a newline at the end.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(RawConfig);
    format!("{:#}", schema.as_value())
}
