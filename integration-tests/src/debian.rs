//! Debian packages of any suite, from the mirror that the machine already uses. Nothing is installed into the
//! system: packages are downloaded with a package state of their own and unpacked into a folder.

use std::fs;
use std::path::{Path, PathBuf};

use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// A suite, seen through a private package state.
#[derive(Debug)]
pub struct Suite {
    folder: PathBuf,
}

impl Suite {
    /// Reads the package lists of a suite into a folder, which is emptied.
    pub fn open(suite: &str, folder: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(folder);
        for name in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let mirror = mirror()?;
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        fs::write(folder.join("sources.list"), format!("deb [signed-by={keyring}] {mirror} {suite} main\n"))?;
        // No package is installed here, so that everything a package needs is downloaded with it.
        fs::write(folder.join("status"), "")?;
        let suite = Self { folder: folder.to_path_buf() };
        suite.apt(&["update"])?;
        Ok(suite)
    }

    /// Downloads one package without what it needs; the path of the archive.
    pub fn download(&self, package: &str) -> Result<PathBuf> {
        self.apt(&["download", package])?;
        let archives = archives(&self.folder)?;
        archives.into_iter().next().with_context(|| format!("`{package}` was not downloaded"))
    }

    /// Downloads packages with everything that they need; the paths of the archives.
    pub fn download_all(&self, packages: &[&str]) -> Result<Vec<PathBuf>> {
        let install = ["install", "--yes", "--download-only", "--no-install-recommends"];
        self.apt(&[&install[..], packages].concat())?;
        archives(&self.folder.join("cache/archives"))
    }

    fn apt(&self, arguments: &[&str]) -> Result<()> {
        let option = |name: &str, path: &str| format!("{name}={}", self.folder.join(path).display());
        let options = [
            option("Dir::Etc::sourcelist", "sources.list"),
            option("Dir::State::lists", "lists"),
            option("Dir::State::status", "status"),
            option("Dir::Cache", "cache"),
            "Dir::Etc::sourceparts=-".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "Debug::NoLocking=1".to_owned(),
        ];
        let mut command = Command::new("apt-get");
        command.current_dir(&self.folder).args(["--quiet", "--quiet"]);
        for option in &options {
            command.args(["-o", option]);
        }
        call(command.args(arguments))
    }
}

/// Unpacks an archive over a folder; links to folders stay links.
pub fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut dpkg = Command::new("dpkg-deb");
    let mut dpkg = dpkg.arg("--fsys-tarfile").arg(archive).stdout(std::process::Stdio::piped()).spawn()?;
    let tarball = dpkg.stdout.take().context("dpkg-deb has an output")?;
    let mut tar = Command::new("tar");
    call(tar.args(["-x", "--keep-directory-symlink", "-C"]).arg(folder).stdin(tarball))?;
    if !dpkg.wait()?.success() {
        bail!("`{}` is not a package", archive.display());
    }
    Ok(())
}

/// The Debian mirror of this machine, from its package sources; works before any list was downloaded.
fn mirror() -> Result<String> {
    let output = Command::new("apt-get").args(["--print-uris", "update"]).output();
    let output = output.context("apt-get is needed to fetch Debian packages")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let uris = text.lines().filter_map(|line| line.strip_prefix('\'')?.split('\'').next());
    let mirrors = uris.filter_map(|uri| uri.split_once("/dists/")).map(|(mirror, _)| mirror);
    let debian = mirrors.filter(|mirror| mirror.ends_with("/debian"));
    debian.map(str::to_owned).next().context("this machine has no Debian mirror in its package sources")
}

fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Runs a program; what it says on standard error is the error.
pub fn call(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("`{name}` cannot be run"))?;
    if !output.status.success() {
        bail!("`{name}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
