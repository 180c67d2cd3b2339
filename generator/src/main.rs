//! `dmf`: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use generator::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
