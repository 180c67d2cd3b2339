//! Pictures only draw.

use catalogue::text::Text;
use catalogue::{Problem, Problems};

use super::{Check, Context};
use crate::markdown::svg;

pub(super) const CHECK: Check = Check {
    name: "page/picture",
    doc: "A picture of a page holds a script, an event handler, a style sheet, a link, or something from elsewhere. \
          Pictures are put into the page so that they follow its theme, and content is never trusted with the page. \
          Only shapes, text, patterns and markers pass, with quoted attributes.",
    run,
};

fn run(context: &Context, problems: &mut Problems) {
    for source in &context.catalogue.pictures {
        let text = Text::file(source);
        if !source.text.contains("<svg") {
            let problem = Problem::error(CHECK.name, text.place_of(0..0), "the file is no SVG picture");
            problems.push(problem.help("start it with `<svg`"));
        } else if let Some((range, message)) = svg::trouble(&source.text) {
            let problem = Problem::error(CHECK.name, text.place_of(range), message);
            problems.push(problem.help("keep to shapes, text, patterns and markers, coloured by classes"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn pictures_with_more_than_shapes_are_found() {
        let picture = |text: &str| findings(&CHECK, "pages/a.svg", text);
        assert!(picture("<svg viewBox=\"0 0 1 1\"><rect width=\"1\"/></svg>\n").is_empty());
        assert_eq!(picture("<svg>\n <script>x</script></svg>\n"), ["2:2 `<script>` is no drawing"]);
        assert_eq!(picture("<svg onload=\"x\"></svg>\n"), ["1:1 attribute `onload` does more than draw"]);
        assert_eq!(picture("GIF89a\n"), ["1:1 the file is no SVG picture"]);
    }
}
