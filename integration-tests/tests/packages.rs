//! Chart packages: the same bytes each time, and through a real registry back into both Helms.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use generator::package::packages;
use generator::render::chart::{Release, render};
use generator::tree::Tree;
use integration_tests::helm::{Helm, charts};
use integration_tests::registry::Registry;
use integration_tests::setup::root;

/// The charts, their packages, and their names.
fn packaged(version: &str) -> (Tree, Tree, Vec<String>) {
    let catalogue = catalogue::load(&root().join("content")).catalogue.expect("the content loads");
    let names: Vec<_> =
        catalogue.components.iter().map(|component| component.about.chart.to_string()).collect();
    let charts = render(&catalogue, Release { version, ..Release::default() });
    let packages = packages(&charts, names.iter().map(String::as_str), version).expect("packages");
    (charts, packages, names)
}

#[test]
fn two_runs_give_the_same_bytes() {
    assert_eq!(packaged("1.2.3").1, packaged("1.2.3").1);
    assert_ne!(packaged("1.2.3").1, packaged("1.2.4").1);
}

#[tokio::test]
async fn a_registry_takes_the_packages_and_helm_installs_from_it() {
    let registry = Registry::start().await.unwrap();
    let repository = format!("oci://{}/charts", registry.address);
    for (at, helm) in Helm::all().unwrap().into_iter().enumerate() {
        // A version of its own for each Helm: what one pushed must not help the other.
        let version = format!("1.2.{at}");
        let (charts, packages, names) = packaged(&version);
        let folder = tempfile::tempdir().unwrap();
        charts.write(&folder.path().join("charts")).unwrap();
        packages.write(&folder.path().join("pushed")).unwrap();
        for name in names {
            let file = format!("{name}-{version}.tgz");
            let pushed = folder.path().join("pushed").join(&file);
            helm.push(&pushed, &repository).unwrap();
            let chart = format!("{repository}/{name}");
            let pulled = helm.pull(&chart, &version, folder.path()).unwrap();
            assert_eq!(fs::read(&pulled).unwrap(), fs::read(&pushed).unwrap(), "{file}");
            let as_written = folder.path().join("charts").join(&name);
            assert_eq!(
                helm.template_of(&pulled, &[]).unwrap(),
                helm.template_of(&as_written, &[]).unwrap(),
                "{file}"
            );
        }
    }
}

#[test]
fn what_helm_itself_packages_has_the_same_files() {
    let (_, packages, names) = packaged(Release::default().version);
    for helm in Helm::all().unwrap() {
        for name in &names {
            let folder = tempfile::tempdir().unwrap();
            let file = helm.package(&charts().join(name), folder.path()).unwrap();
            let ours = packages.get(file.file_name().unwrap()).expect("the same name");
            assert_eq!(files(ours), files(&fs::read(&file).unwrap()), "{name}");
        }
    }
}

/// The paths in an archive, sorted.
fn files(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let entries = archive.entries().unwrap();
    let mut paths: Vec<_> =
        entries.map(|entry| Path::to_string_lossy(&entry.unwrap().path().unwrap()).into_owned()).collect();
    paths.sort();
    paths
}
