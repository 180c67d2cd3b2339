//! Something that programs of an image run on: a container, or, where no engine answers, the image's folder as the
//! root of a process.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use testcontainers::core::{ExecCommand, Mount};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _};
use tokio::process::Command;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::images::Programs;
use crate::patience;

/// A running machine. It is gone when this is dropped.
pub enum Machine {
    /// A container on the host's network.
    Container(Container),
    /// A folder that commands see as `/`.
    Folder(PathBuf),
}

/// A container that is removed when this is dropped.
pub struct Container(Option<Box<ContainerAsync<GenericImage>>>);

impl Container {
    fn get(&self) -> &ContainerAsync<GenericImage> {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Container {
    /// Its removal waits with `block_on`. On a thread that is in `block_on` already, that would use up what wakes the
    /// outer one, which could then wait for ever. So it has a thread of its own.
    fn drop(&mut self) {
        let (container, runtime) = (self.0.take(), Handle::current());
        if runtime.runtime_flavor() == RuntimeFlavor::MultiThread {
            let removal = std::thread::spawn(move || {
                let _inside = runtime.enter();
                drop(container);
            });
            let _ = tokio::task::block_in_place(|| removal.join());
        }
    }
}

/// User and group of the server.
const POSTGRES: &str = "999:999";

/// The label of the tests' containers; its value is the process that made them.
const LABEL: &str = "org.dmf.test";

/// Containers that are being made.
static STARTING: AtomicUsize = AtomicUsize::new(0);

/// Whether this process made one.
static STARTED: AtomicBool = AtomicBool::new(false);

/// Removes the containers of test processes that were killed.
pub fn sweep() -> Result<()> {
    for (id, process) in containers()? {
        if !std::path::Path::new("/proc").join(process).exists() {
            crate::debian::call(std::process::Command::new("docker").args(["rm", "--force", &id]))?;
        }
    }
    Ok(())
}

/// Removes what is left of this process' own containers, also those that are being made.
pub async fn clear() -> Result<()> {
    if !STARTED.load(Ordering::SeqCst) {
        return Ok(());
    }
    let start = Instant::now();
    let own = std::process::id().to_string();
    loop {
        let starting = STARTING.load(Ordering::SeqCst);
        let left: Vec<_> = containers()?.into_iter().filter(|(_, process)| *process == own).collect();
        if starting == 0 && left.is_empty() {
            return Ok(());
        }
        let removed = left.iter().map(|(id, _)| {
            // It may be on its way out already.
            crate::debian::call(std::process::Command::new("docker").args(["rm", "--force", id]))
        });
        let failures: Vec<_> = removed.filter_map(|result| Some(format!("{:#}", result.err()?))).collect();
        if start.elapsed() > patience() {
            bail!(
                "{starting} containers are still being made, {} are left: {}",
                left.len(),
                failures.join("; ")
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Ids of the tests' containers, and the process that made each.
fn containers() -> Result<Vec<(String, String)>> {
    let format = format!("{{{{.ID}}}} {{{{.Label \"{LABEL}\"}}}}");
    let list = ["ps", "--all", "--filter", &format!("label={LABEL}"), "--format", &format];
    let output = std::process::Command::new("docker").args(list).output()?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(lines
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(id, process)| (id.to_owned(), process.to_owned()))
        .collect())
}

impl Machine {
    /// Starts one that does nothing yet.
    pub async fn start(programs: &Programs) -> Result<Self> {
        let name = match programs {
            Programs::Folder(folder) => {
                let null = folder.join("dev/null");
                if !null.exists() {
                    let node = ["-m", "666", &null.display().to_string(), "c", "1", "3"];
                    let made = crate::debian::call(std::process::Command::new("mknod").args(node));
                    // Another test may have been quicker.
                    made.or_else(|error| if null.exists() { Ok(()) } else { Err(error) })?;
                }
                return Ok(Self::Folder(folder.clone()));
            }
            Programs::Image(name) => name,
        };
        let (image, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let request = GenericImage::new(image, tag)
            .with_entrypoint("sleep")
            .with_cmd(["infinity"])
            .with_network("host")
            .with_user("999:999")
            .with_labels([(LABEL, std::process::id().to_string())])
            // The data lives in memory: quick, and gone with the container.
            .with_mount(Mount::tmpfs_mount("/tmp"))
            .with_startup_timeout(Duration::from_mins(1));
        // It comes to its end although nobody waits for it any more: half a container could not be removed.
        STARTED.store(true, Ordering::SeqCst);
        STARTING.fetch_add(1, Ordering::SeqCst);
        let started = tokio::spawn(async move {
            let container = request.start().await;
            STARTING.fetch_sub(1, Ordering::SeqCst);
            container
        });
        let container = started.await?.with_context(|| format!("the image `{name}` does not start"))?;
        Ok(Self::Container(Container(Some(Box::new(container)))))
    }

    /// The lines of `/proc/*/stat`, with process ids as the machine sees them.
    pub async fn processes(&self) -> Result<Vec<String>> {
        if let Self::Container(_) = self {
            let script =
                "for stat in /proc/[0-9]*/stat; do read -r line < $stat && echo \"$line\"; done; true";
            return Ok(self.run(script).await?.lines().map(str::to_owned).collect());
        }
        let entries = std::fs::read_dir("/proc")?.filter_map(Result::ok);
        // A process may end while they are read.
        Ok(entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok()).collect())
    }

    /// Runs a shell script on it; the output, or an error with what the script said.
    pub async fn run(&self, script: &str) -> Result<String> {
        let (code, out, err) = match self {
            Self::Container(container) => {
                let mut result = container.get().exec(ExecCommand::new(["sh", "-c", script])).await?;
                let out = result.stdout_to_vec().await?;
                let err = result.stderr_to_vec().await?;
                let code = loop {
                    match result.exit_code().await? {
                        Some(code) => break code,
                        None => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                };
                (code, out, err)
            }
            Self::Folder(folder) => {
                let script = format!("export PATH={} LANG=C.UTF-8\n{script}", postgresql_path(folder));
                let mut command = Command::new("chroot");
                command.arg(format!("--userspec={POSTGRES}")).arg(folder).args(["sh", "-c", &script]);
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
                let child = command.spawn()?;
                let group = Group(child.id());
                let output = child.wait_with_output().await?;
                group.forget();
                (output.status.code().map_or(-1, i64::from), output.stdout, output.stderr)
            }
        };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        if code != 0 {
            bail!("exit code {code}: {} {}", text(out), text(err));
        }
        Ok(text(out))
    }
}

/// The processes of a script. They end when nobody waits for it any more; a server that it started does not.
struct Group(Option<u32>);

impl Group {
    /// The script is over.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

fn postgresql_path(folder: &std::path::Path) -> String {
    let versions =
        std::fs::read_dir(folder.join("usr/lib/postgresql")).into_iter().flatten().filter_map(Result::ok);
    let bin =
        versions.map(|version| format!("/usr/lib/postgresql/{}/bin:", version.file_name().to_string_lossy()));
    bin.collect::<String>() + "/usr/bin:/bin"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::{Image, POSTGRESQL};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_waits_is_woken_although_a_machine_goes_away_meanwhile() {
        let programs = Image::of(POSTGRESQL[0]).and_then(Image::programs).expect("the image is there");
        let machine = Machine::start(&programs).await.expect("it starts");
        let (send, message) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            send.send(()).expect("somebody waits");
        });
        let start = Instant::now();
        // In one task: the message comes while the machine is being removed.
        let both = async { tokio::join!(message, async { drop(machine) }).0 };
        let came = tokio::time::timeout(Duration::from_secs(30), both).await;
        came.expect("it comes").expect("it is sent");
        assert!(start.elapsed() < Duration::from_secs(20), "only the end of the time woke it");
    }
}
