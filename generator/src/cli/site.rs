//! `dmf serve` and `dmf site versions`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{End, build, clean, say, semantic};
use crate::render::site::theme::Theme;
use crate::serve::{self, Options};
use crate::versions::{self, Versions, Wanted};

#[derive(Debug, Subcommand)]
pub(super) enum Site {
    /// Builds the site of each tagged version and of `latest` side by side.
    #[command(
        after_help = "Tags that are semantic versions, with or without a `v`, are versions. The pages of each are made \
        from the content that it had, with the theme of today: site-out/<version>/, and site-out/latest/ from the \
        content folder as it is now. A version whose content this program does not understand is left out."
    )]
    Versions {
        /// The oldest version to build.
        #[arg(long, value_name = "X.Y.Z", value_parser = semantic)]
        min: Option<semver::Version>,
        /// Versions to build; all when none is named. `latest` is always built.
        #[arg(long, value_name = "X.Y.Z,…", value_parser = semantic, value_delimiter = ',')]
        only: Vec<semver::Version>,
        /// Leaves out versions such as 1.0.0-rc.1.
        #[arg(long)]
        releases_only: bool,
        /// Fails, and writes nothing, when a version has to be left out.
        #[arg(long)]
        strict: bool,
        /// Where the site goes; replaced as a whole.
        #[arg(long, value_name = "DIR", default_value = "site-out")]
        site_out: PathBuf,
        /// Address under which the folder is published, instead of site.yaml's `url`.
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
        /// Folder with templates and static files that replace those of the theme.
        #[arg(long, value_name = "DIR")]
        theme: Option<PathBuf>,
    },
}

impl Site {
    /// Runs the command.
    pub(super) fn run(self, content: &Path) -> End {
        let Self::Versions { min, only, releases_only, strict, site_out, base_url, theme } = self;
        let catalogue = match clean(content) {
            Ok(catalogue) => catalogue,
            Err(end) => return end,
        };
        let url = base_url.as_deref().unwrap_or(&catalogue.site.url).trim_end_matches('/');
        let wanted = Wanted { min, only, releases_only };
        let built =
            Theme::read(theme.as_deref()).and_then(|theme| versions::build(&catalogue, &theme, url, &wanted));
        let Versions { tree, built, problems } = match built {
            Ok(versions) => versions,
            Err(message) => return End::Failed(message),
        };
        for problem in &problems {
            eprintln!("{}: {problem}", if strict { "error" } else { "warning" });
        }
        if strict && !problems.is_empty() {
            eprintln!("nothing is written: leave such versions out with `--min` or `--only`");
            return End::Problems;
        }
        for (version, files) in built {
            say(&format!("{version}: {files} files\n"));
        }
        build::write(&tree, &site_out)
    }
}

/// Shows the site until it is interrupted.
pub(super) fn serve(
    content: PathBuf,
    theme: Option<PathBuf>,
    listen: SocketAddr,
    open: bool,
    poll: bool,
) -> End {
    match serve::run(Options { content, theme, listen, open, poll }, say) {
        Ok(()) => End::Fine,
        Err(message) => End::Failed(message),
    }
}
