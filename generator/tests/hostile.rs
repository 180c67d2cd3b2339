//! Hostile content: whatever stands in the files, there are problems and no panic, and nothing is written.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use walkdir::WalkDir;

/// A copy of the fixture's content.
fn copy(to: &Path) -> Vec<std::path::PathBuf> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/content");
    let mut files = Vec::new();
    for entry in
        WalkDir::new(&from).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file())
    {
        let path = to.join(entry.path().strip_prefix(&from).expect("below the root"));
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        fs::copy(entry.path(), &path).expect("a file can be copied");
        files.push(path);
    }
    files.sort();
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_edit_of_any_file_is_survived(
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        cut in 0..40_usize,
        insert in prop_oneof![
            "[\\PC\n\t]{0,12}",
            Just("${".to_owned()),
            Just("{{ ".to_owned()),
            Just("\u{0}".to_owned()),
            Just("- - - {a: [".to_owned()),
            Just("é}}}{{$labels.".to_owned()),
        ],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let files = copy(folder.path());
        let path = file.get(&files);
        let mut bytes = fs::read(path).unwrap();
        let start = at.index(bytes.len().max(1)).min(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, insert.bytes());
        fs::write(path, bytes).unwrap();
        let loaded = catalogue::load(folder.path());
        let mut problems = loaded.problems;
        if let Some(catalogue) = &loaded.catalogue {
            problems.extend(generator::check::run(catalogue));
        }
        let problems = problems.into_sorted();
        generator::report::problems(&problems, generator::report::Format::Text);
        if let (Some(catalogue), true) = (&loaded.catalogue, problems.is_empty()) {
            generator::render::chart::render(catalogue, generator::render::chart::Release::default());
        }
    }
}
