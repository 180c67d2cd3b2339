//! `dmf`: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use generator::cli::Cli;

/// Pages are made of many small texts, on all cores at once: the allocator of the system takes a third of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
