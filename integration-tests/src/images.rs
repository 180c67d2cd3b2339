//! The container images of the tests: one table. Where a registry answers, the official image; where none does, one
//! built from Debian packages; where no engine answers, the folder that such an image is made of.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::debian::{Suite, call, unpack};
use crate::setup::root;

/// PostgreSQL majors that the tests run on: the oldest supported, the newest, and what Debian stable has had.
pub const POSTGRESQL: [u32; 4] = [13, 15, 17, 18];

/// Counts the ways in which images were built, so that one of an older way is not taken for a new one.
const RECIPE: u32 = 3;

/// An image of PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    /// The major version.
    pub major: u32,
    /// The Debian suite that has it.
    suite: &'static str,
}

/// Where a server's programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Programs {
    /// In an image of the container engine.
    Image(String),
    /// In a folder that is the root of a small system.
    Folder(PathBuf),
}

impl Image {
    /// The image for a major version.
    pub fn of(major: u32) -> Result<Self> {
        let suite = match major {
            13 => "bullseye",
            15 => "bookworm",
            17 => "trixie",
            18 => "sid",
            _ => bail!("no image has PostgreSQL {major}; the tests know {POSTGRESQL:?}"),
        };
        Ok(Self { major, suite })
    }

    /// Where its programs are, once [`Image::make`] has run.
    pub fn programs(self) -> Result<Programs> {
        if let Ok(name) = std::env::var(self.variable()) {
            return Ok(Programs::Image(name));
        }
        self.found(engine_answers(), &self.folder())
    }

    /// An image of the engine, or the folder where none answers.
    fn found(self, engine: bool, folder: &Path) -> Result<Programs> {
        if !engine {
            if folder.join("usr/bin/sh").exists() && rustix::process::geteuid().is_root() {
                return Ok(Programs::Folder(folder.to_owned()));
            }
            bail!(
                "PostgreSQL {} is not there: no container engine answers, and `just images` has not run as root",
                self.major
            );
        }
        let names = [self.local(), self.official()];
        let found = names.into_iter().find(|name| is_present(name));
        let name = found
            .with_context(|| format!("no image of PostgreSQL {} is there: run `just images`", self.major))?;
        Ok(Programs::Image(name))
    }

    /// Sees to it that the image is there; says what was done.
    pub fn make(self) -> Result<String> {
        if let Ok(Programs::Image(name)) = self.programs() {
            return Ok(format!("PostgreSQL {}: {name} is there", self.major));
        }
        let engine = engine_answers();
        if engine && call(Command::new("docker").args(["pull", "--quiet", &self.official()])).is_ok() {
            return Ok(format!("PostgreSQL {}: {} pulled", self.major, self.official()));
        }
        let folder = self.folder();
        if !folder.join("usr/bin/sh").exists() {
            self.build(&folder)?;
        }
        if !engine {
            return Ok(format!(
                "PostgreSQL {}: no container engine answers; the tests run in {}",
                self.major,
                folder.display()
            ));
        }
        let mut tar = Command::new("tar");
        let mut tar =
            tar.arg("-C").arg(&folder).args(["-c", "."]).stdout(std::process::Stdio::piped()).spawn()?;
        let tarball = tar.stdout.take().context("tar has an output")?;
        let path = format!("ENV PATH=/usr/lib/postgresql/{}/bin:/usr/bin:/bin LANG=C.UTF-8", self.major);
        call(Command::new("docker").args(["import", "--change", &path, "-", &self.local()]).stdin(tarball))?;
        tar.wait()?;
        Ok(format!("PostgreSQL {}: {} built from Debian {}", self.major, self.local(), self.suite))
    }

    /// Unpacks the packages into a folder and adds the few files that their scripts would make.
    fn build(self, folder: &Path) -> Result<()> {
        let scratch = folder.with_extension("packages");
        let suite = Suite::open(self.suite, &scratch)?;
        let server = format!("postgresql-{}", self.major);
        // The shell and its friends are "essential": no package asks for them.
        let archives = suite.download_all(&[&server, "dash", "coreutils", "sed", "grep"])?;
        let unfinished = folder.with_extension("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        for name in ["bin", "sbin", "lib", "lib64"] {
            fs::create_dir_all(unfinished.join("usr").join(name))?;
            std::os::unix::fs::symlink(format!("usr/{name}"), unfinished.join(name))?;
        }
        for archive in archives {
            unpack(&archive, &unfinished)?;
        }
        for name in ["tmp", "etc", "run", "dev", "proc", "var/lib/postgresql"] {
            fs::create_dir_all(unfinished.join(name))?;
        }
        fs::set_permissions(unfinished.join("tmp"), fs::Permissions::from_mode(0o1777))?;
        fs::write(
            unfinished.join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\npostgres:x:999:999::/tmp:/bin/sh\n",
        )?;
        fs::write(unfinished.join("etc/group"), "root:x:0:\npostgres:x:999:\n")?;
        // The statistics collector of PostgreSQL 14 and older talks to itself by the name `localhost`.
        fs::write(unfinished.join("etc/hosts"), "127.0.0.1 localhost\n")?;
        fs::write(unfinished.join("etc/nsswitch.conf"), "hosts: files dns\n")?;
        let shell = unfinished.join("usr/bin/sh");
        let _ = fs::remove_file(&shell);
        std::os::unix::fs::symlink("dash", shell)?;
        fs::rename(&unfinished, folder)?;
        let _ = fs::remove_dir_all(scratch);
        Ok(())
    }

    fn folder(self) -> PathBuf {
        root().join("tools/images").join(format!("postgresql-{}-{RECIPE}", self.major))
    }

    /// The environment variable that names another image.
    fn variable(self) -> String {
        format!("DMF_POSTGRESQL_{}_IMAGE", self.major)
    }

    fn local(self) -> String {
        format!("dmf/postgresql:{}-{RECIPE}", self.major)
    }

    fn official(self) -> String {
        format!("postgres:{}", self.major)
    }
}

/// Makes all images, two at a time.
pub fn make_all() -> Result<()> {
    fs::create_dir_all(root().join("tools/images"))?;
    if engine_answers() {
        crate::machine::sweep()?;
    } else {
        eprintln!("no container engine answers (`docker version` fails): the servers will run without one");
    }
    let made: Vec<Result<String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = POSTGRESQL
            .chunks(2)
            .map(|majors| {
                scope.spawn(move || majors.iter().map(|major| Image::of(*major)?.make()).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    for line in made {
        eprintln!("{}", line?);
    }
    Ok(())
}

/// Whether the container engine answers.
pub fn engine_answers() -> bool {
    let version = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    version.is_ok_and(|output| output.status.success())
}

fn is_present(image: &str) -> bool {
    let inspect = Command::new("docker").args(["image", "inspect", "--format", "{{.Id}}", image]).output();
    inspect.is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        let said = |error: anyhow::Error| format!("{error:#}");
        assert_eq!(
            said(Image::of(14).unwrap_err()),
            "no image has PostgreSQL 14; the tests know [13, 15, 17, 18]"
        );
        let nothing = Path::new("/there/is/no/such/folder");
        assert_eq!(
            said(Image::of(18).unwrap().found(false, nothing).unwrap_err()),
            "PostgreSQL 18 is not there: no container engine answers, and `just images` has not run as root"
        );
    }
}
