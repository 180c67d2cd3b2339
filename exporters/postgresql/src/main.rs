//! Serves metrics of PostgreSQL servers to Prometheus.

use std::process::ExitCode;

fn main() -> ExitCode {
    postgresql_exporter::cli::main()
}
