//! Makes the container images that the tests need.

fn main() -> anyhow::Result<()> {
    integration_tests::images::make_all()
}
