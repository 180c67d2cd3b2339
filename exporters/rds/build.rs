//! Embeds `content/rds/metrics`.

#[path = "../core/embed.rs"]
mod embed;

fn main() {
    embed::metrics("rds");
}
