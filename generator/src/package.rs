//! Chart packages as `helm package` makes them, but reproducible: the same content gives the same bytes.

use std::io;
use std::path::{Component, Path};

use flate2::{Compression, GzBuilder};

use crate::tree::Tree;

/// The time that every file in a package carries, in seconds since 1970: the first that every tool can show
/// (the format counts from 1970, some tools from 1980).
const TIME: u64 = 315_532_800;

/// Packages each of `charts` out of the folder of its name in `tree`: files `NAME-VERSION.tgz`, for `helm push` and
/// `helm install`. What the chart's `.helmignore` names stays out.
///
/// # Errors
/// A path is longer than an archive can hold.
pub fn packages<'a>(
    tree: &Tree,
    charts: impl IntoIterator<Item = &'a str>,
    version: &str,
) -> io::Result<Tree> {
    let mut packages = Tree::default();
    for chart in charts {
        packages.add(format!("{chart}-{version}.tgz"), package(tree, chart)?);
    }
    Ok(packages)
}

fn package(tree: &Tree, chart: &str) -> io::Result<Vec<u8>> {
    // No name and no time in the header, and the same level everywhere.
    let zip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(zip);
    for (path, bytes) in tree.files().filter(|(path, _)| path.starts_with(chart) && !is_ignored(path)) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, path, bytes)?;
    }
    archive.into_inner()?.finish()
}

/// What `.helmignore` of the charts names: `ci/` at the top of a chart holds values for tests.
fn is_ignored(path: &Path) -> bool {
    path.components().nth(1) == Some(Component::Normal("ci".as_ref()))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.add("a-chart/Chart.yaml", "name: a-chart\n");
        tree.add("a-chart/ci/all.yaml", "x: 1\n");
        tree.add("a-chart/templates/ci/rule.yaml", "y: 1\n");
        tree.add("other/Chart.yaml", "name: other\n");
        tree
    }

    #[test]
    fn a_package_holds_the_chart_and_nothing_that_differs_between_two_runs() {
        let packages = packages(&tree(), ["a-chart"], "1.2.3").expect("a package");
        let bytes = packages.get("a-chart-1.2.3.tgz").expect("is named after chart and version");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
        let files = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            assert_eq!((entry.header().mtime().unwrap(), entry.header().uid().unwrap()), (TIME, 0));
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.path().unwrap().display().to_string(), text)
        });
        let files: Vec<_> = files.collect();
        let expected =
            [("a-chart/Chart.yaml", "name: a-chart\n"), ("a-chart/templates/ci/rule.yaml", "y: 1\n")];
        assert_eq!(files, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
        // Bytes 4 to 8 of a gzip header are a time (RFC 1952, 2.3).
        assert_eq!(bytes[4..8], [0; 4]);
    }
}
