//! Installs what the tests need; `just setup` runs it.

fn main() -> anyhow::Result<()> {
    integration_tests::setup::run()
}
