//! Serves metrics of Amazon RDS and Aurora to Prometheus.

use std::process::ExitCode;

fn main() -> ExitCode {
    rds_exporter::cli::main()
}
