//! Nothing that `dmf new` left to be filled in is shipped.

use catalogue::text::Text;
use catalogue::{Problem, Problems};

use super::{Check, Context};

pub(super) const CHECK: Check = Check {
    name: "content/unfinished",
    doc: "A file still says FIXME, as the skeletons of `dmf new` do where something is to be filled in. It would be \
          read by somebody who is paged.",
    run,
};

const MARK: &str = "FIXME";

fn run(context: &Context, problems: &mut Problems) {
    let catalogue = context.catalogue;
    let alerts = catalogue.alerts().flat_map(|(_, alert)| {
        let scenario = alert.scenario.as_ref().map(|scenario| &scenario.source);
        [Some(&alert.source), alert.tests.as_ref(), scenario, alert.runbook.as_ref()]
            .into_iter()
            .flatten()
            .chain(&alert.sql)
    });
    let metrics = catalogue.queries().map(|(_, query)| &query.source);
    let pages = catalogue.pages.iter().map(|page| &page.source);
    for source in alerts.chain(metrics).chain(pages).chain(&catalogue.shared) {
        for (at, mark) in source.text.match_indices(MARK) {
            let place = Text::file(source).place_of(at..at + mark.len());
            problems.push(
                Problem::error(CHECK.name, place, "this is not filled in yet")
                    .help("write what is asked for"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{RUNBOOK, findings, replaced};
    use super::*;

    #[test]
    fn what_is_left_to_be_filled_in_is_found() {
        assert_eq!(replaced(&CHECK, "title: Foo", "title: FIXME"), ["1:8 this is not filled in yet"]);
        let runbook = RUNBOOK.replace("Slow.", "FIXME: what users notice");
        assert_eq!(
            findings(&CHECK, "x/alerts/PFoo/runbook.md", &runbook),
            ["11:1 this is not filled in yet"]
        );
        assert!(findings(&CHECK, "x/alerts/PFoo/runbook.md", RUNBOOK).is_empty());
    }
}
