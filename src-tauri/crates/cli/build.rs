//! Puts the Airflow provider into the program as the wheel that `hatchling` would build: a wheel is a zip
//! of the package with three texts of metadata. The same sources give the same bytes. What `pyproject.toml`
//! says and this does not know stops the build, so that nothing is left out silently.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const SOURCE: &str = "../../airflow";

#[derive(Deserialize)]
struct PyProject {
    project: Project,
    tool: Tool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Project {
    name: String,
    version: String,
    description: String,
    readme: String,
    requires_python: String,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    classifiers: Vec<String>,
    #[serde(default)]
    entry_points: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Tool {
    hatch: Hatch,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hatch {
    build: Build,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    targets: Targets,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Targets {
    wheel: WheelTarget,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WheelTarget {
    packages: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let source = Path::new(SOURCE);
    let read = |name: &str| fs::read_to_string(source.join(name));
    let PyProject { project, tool } = toml::from_str(&read("pyproject.toml")?)?;
    let ours = env!("CARGO_PKG_VERSION");
    if project.version != ours {
        return Err(format!("pyproject.toml says {}, Cargo.toml {ours}", project.version).into());
    }
    let mut files = BTreeMap::new();
    for package in &tool.hatch.build.targets.wheel.packages {
        println!("cargo::rerun-if-changed={SOURCE}/{package}");
        gather(source, &source.join(package), &mut files)?;
    }
    for name in ["pyproject.toml", &project.readme] {
        println!("cargo::rerun-if-changed={SOURCE}/{name}");
    }
    let digest = hex(Sha256::digest(records(&files)).as_slice());
    let stem = format!("{}-{}", project.name.replace('-', "_"), project.version);
    let about = |name: &str| format!("{stem}.dist-info/{name}");
    let generator = format!(
        "Wheel-Version: 1.0\nGenerator: dagpass {ours}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    );
    files.insert(about("METADATA"), metadata(&project, &read(&project.readme)?).into_bytes());
    files.insert(about("WHEEL"), generator.into_bytes());
    files.insert(about("entry_points.txt"), entry_points(&project).into_bytes());
    let record = format!("{}{},,\n", records(&files), about("RECORD"));
    files.insert(about("RECORD"), record.into_bytes());

    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo gives no OUT_DIR")?);
    write(&out.join("provider.whl"), &files)?;
    println!("cargo::rustc-env=DAGPASS_WHEEL_NAME={stem}-py3-none-any.whl");
    println!("cargo::rustc-env=DAGPASS_WHEEL_CONTENT={digest}");
    Ok(())
}

/// Every file of the package, by its name in the wheel; what Python leaves behind is none of it.
fn gather(
    source: &Path,
    folder: &Path,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == "__pycache__" || name.starts_with('.') || name.ends_with(".pyc") {
            continue;
        }
        if path.is_dir() {
            gather(source, &path, files)?;
            continue;
        }
        let name = path.strip_prefix(source)?.to_str().ok_or("a file name that is no UTF-8")?;
        files.insert(name.replace('\\', "/"), fs::read(&path)?);
    }
    Ok(())
}

/// Core metadata 2.4; the description is the readme.
fn metadata(project: &Project, readme: &str) -> String {
    let mut lines = vec![
        "Metadata-Version: 2.4".to_owned(),
        format!("Name: {}", project.name),
        format!("Version: {}", project.version),
        format!("Summary: {}", project.description),
    ];
    lines.extend(project.classifiers.iter().map(|one| format!("Classifier: {one}")));
    lines.push(format!("Requires-Python: {}", project.requires_python));
    lines.extend(project.dependencies.iter().map(|one| format!("Requires-Dist: {one}")));
    for (extra, needs) in &project.optional_dependencies {
        lines.push(format!("Provides-Extra: {extra}"));
        lines.extend(needs.iter().map(|one| match one.split_once(';') {
            None => format!("Requires-Dist: {one}; extra == '{extra}'"),
            Some((need, marker)) => {
                format!("Requires-Dist: {need}; ({}) and extra == '{extra}'", marker.trim())
            }
        }));
    }
    lines.push("Description-Content-Type: text/markdown".to_owned());
    format!("{}\n\n{readme}", lines.join("\n"))
}

fn entry_points(project: &Project) -> String {
    let group = |(name, entries): (&String, &BTreeMap<String, String>)| {
        let entries = entries.iter().map(|(name, place)| format!("{name} = {place}\n"));
        format!("[{name}]\n{}", entries.collect::<String>())
    };
    project.entry_points.iter().map(group).collect::<Vec<_>>().join("\n")
}

fn records(files: &BTreeMap<String, Vec<u8>>) -> String {
    let line = |(name, bytes): (&String, &Vec<u8>)| {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
        format!("{name},sha256={digest},{}\n", bytes.len())
    };
    files.iter().map(line).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Not compressed: the program's own package may be, and Python imports from it as it is.
fn write(path: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    // The default date of this library is the zip format's first day, never the clock's.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    let mut wheel = ZipWriter::new(File::create(path)?);
    for (name, bytes) in files {
        wheel.start_file(name, options)?;
        wheel.write_all(bytes)?;
    }
    wheel.finish()?;
    Ok(())
}
