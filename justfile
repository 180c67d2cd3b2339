# Lists the recipes.
default:
    @just --list --unsorted

# Writes the charts and the site's files from content/.
build:
    cargo run --quiet --bin dmf -- build

# Writes the charts as packages to dist/charts: just package --release 1.2.3
package *ARGS:
    cargo run --quiet --bin dmf -- package {{ ARGS }}

# Builds the programs for release and packs each: dist/NAME-VERSION-linux-ARCHITECTURE.tar.gz
dist:
    cargo build --release --locked --package generator --package postgresql-exporter --package rds-exporter
    for name in dmf postgresql-exporter rds-exporter; do just archive "$name"; done

# Packs one program that is built for release; the same bytes for the same program.
[private]
archive NAME:
    #!/usr/bin/env bash
    set -euo pipefail
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    architecture=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
    folder={{ NAME }}-$version-linux-$architecture
    rm -rf "dist/$folder" && mkdir -p "dist/$folder"
    cp target/release/{{ NAME }} LICENSE CHANGELOG.md "dist/$folder"
    tar --create --directory dist --sort=name --owner=0 --group=0 --numeric-owner --mtime=@315532800 "$folder" |
        gzip --no-name --best > "dist/$folder.tar.gz"
    rm -r "dist/$folder"
    echo "dist/$folder.tar.gz"

# Finds everything that is wrong with content/.
check:
    cargo run --quiet --bin dmf -- check

# Shows the site while you write: just serve --open
serve *ARGS:
    cargo run --quiet --bin dmf -- serve {{ ARGS }}

# Installs what the tests need into tools/.
setup:
    cargo run --quiet --bin setup

# Makes the images of PostgreSQL that the tests need.
images:
    cargo run --quiet --bin images

# Runs every test: formatting, lints, content, rules, charts, the exporter on real PostgreSQL, the site in a browser.
test: setup images
    cargo fmt --all --check
    cargo clippy --quiet --workspace --all-targets --locked -- --deny warnings
    cargo run --quiet --bin dmf -- build --check
    cargo test --quiet --workspace --locked
    cargo run --quiet --bin dmf -- test
    cargo run --quiet --bin dmf -- mutate

# Runs the rule tests of the named alerts, or of all.
[group('content')]
test-rules *ALERTS:
    cargo run --quiet --bin dmf -- test {{ ALERTS }}

# Puts small mistakes into the rules of the named alerts, or of all, and says which of them no test notices.
[group('content')]
mutate *ALERTS:
    cargo run --quiet --bin dmf -- mutate {{ ALERTS }}

# Runs the queries of the named collectors on every version, with each of their conditions left out: just test-queries pg_index
[group('content')]
test-queries *COLLECTORS: setup images
    {{ if COLLECTORS == "" { "" } else { "COLLECTORS='" + COLLECTORS + "'" } }} cargo test --workspace --test queries

# Plays the scenario of an alert on a real server and shows what becomes of it: just prove PostgreSQLFoo --version 17
[group('content')]
prove *ARGS: setup images
    cargo run --quiet --bin prove -- {{ ARGS }}

# Plays all scenarios and writes what came of the changed ones to content/evidence.json.
[group('content')]
evidence: setup images
    UPDATE_EVIDENCE=1 cargo test --quiet --workspace --test alerts

# Writes the skeleton of an alert: just new-alert postgresql PostgreSQLFoo
[group('content')]
new-alert COMPONENT NAME:
    cargo run --quiet --bin dmf -- new alert {{ COMPONENT }} {{ NAME }}

# Writes the skeleton of a metrics file: just new-metric postgresql pg_foo
[group('content')]
new-metric COMPONENT NAME:
    cargo run --quiet --bin dmf -- new metric {{ COMPONENT }} {{ NAME }}

# Accepts changed golden files.
[group('development')]
golden:
    UPDATE_GOLDEN=1 cargo test --quiet --package generator --test golden

# Measures checking and building of 20 to 10,000 alerts.
[group('development')]
bench:
    cargo bench --package generator

# Measures the site side by side with Hugo, and how long a saved runbook takes to be shown.
[group('development')]
bench-site *ARGS:
    cargo run --quiet --bin bench-site -- {{ ARGS }}

# Checks advisories, licences and duplicates of the dependencies (cargo install cargo-deny).
[group('development')]
deny:
    cargo deny check advisories bans licenses sources

# Measures what a scrape costs, side by side with postgres_exporter.
[group('development')]
bench-exporter: setup images
    cargo run --quiet --bin bench-exporter

# Measures the RDS exporter on a fake AWS with 1, 100 and 1,000 instances; the existing exporter's figures beside it.
[group('development')]
bench-rds-exporter:
    cargo run --quiet --bin bench-rds-exporter
