//! Serves a made-up AWS account to whatever speaks to AWS: an exporter, the AWS CLI, a demo.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use integration_tests::aws::{Account, Aws};

/// A fake AWS on the loopback interface: RDS, EC2, CloudWatch, Service Quotas, tagging, STS.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Port.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// Number of made-up instances, instead of a file.
    #[arg(long, conflicts_with = "account")]
    fleet: Option<usize>,
    /// The account; it is read again on SIGHUP.
    account: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let account = match (args.fleet, &args.account) {
        (Some(count), _) => Account::fleet(count),
        (None, Some(path)) => Account::from_yaml(&read(path)?)?,
        (None, None) => Account::fleet(10),
    };
    let aws = Aws::listen(account, args.port).await?;
    println!("A fake AWS listens at {}. Point the AWS CLI, or an exporter, at it:\n", aws.url());
    for (name, value) in aws.env() {
        println!("export {name}={value}");
    }
    println!("\naws rds describe-db-instances --query 'DBInstances[].DBInstanceIdentifier'");
    let mut again = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
    loop {
        tokio::select! {
            ended = tokio::signal::ctrl_c() => return Ok(ended?),
            _ = again.recv() => {
                if let Some(path) = &args.account {
                    match read(path).and_then(|text| aws.read(&text)) {
                        Ok(()) => println!("read {} again", path.display()),
                        Err(error) => eprintln!("error: {error:#}"),
                    }
                }
            }
        }
    }
}

fn read(path: &PathBuf) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
