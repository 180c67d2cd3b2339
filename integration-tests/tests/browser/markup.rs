//! HTML as the W3C's checker judges it, all pages in one run, and CSS as the browser understands it.

use std::process::Command;

use integration_tests::setup::root;

use crate::{SITE, at};

#[test]
fn html_is_valid() {
    let mut java = Command::new("java");
    java.arg("-jar").arg(root().join("tools/bin/vnu.jar")).args(["--errors-only", "--format", "gnu"]);
    java.args(SITE.pages().iter().map(|page| SITE.folder.join(page)));
    let output = java.output().expect("java is missing: `just setup` installs it on Debian");
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> =
        said.lines().map(|line| line.rsplit_once("/site/").map_or(line, |(_, rest)| rest)).collect();
    assert!(output.status.success(), "{} times:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn every_declaration_of_the_style_is_understood() {
    let tab = at("index.html");
    let declarations = "fetch(document.querySelector('link[rel=stylesheet]').href).then(answer => answer.text()).then(text => \
        [...text.replace(/\\/\\*.*?\\*\\//gs, '').matchAll(/[{;]\\s*(-?[a-z][a-z-]*)\\s*:([^;{}]*)(?=[;}])/g)]\
        .map(found => [found[1], found[2].replace('!important', '').trim()]))";
    let declarations = tab.eval(declarations).unwrap();
    let declarations = declarations.as_array().unwrap();
    assert!(declarations.len() > 300, "only {} declarations", declarations.len());
    for declaration in declarations {
        let (name, value) = (declaration[0].as_str().unwrap(), declaration[1].as_str().unwrap());
        // Other browsers need these.
        let others = name.starts_with("-webkit-");
        let understood =
            tab.eval(&format!("CSS.supports({name:?}, {})", serde_json::json!(value))).unwrap() == true;
        assert!(others || understood, "`{name}: {value}` is not understood");
    }
}
