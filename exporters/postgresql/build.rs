//! Embeds `content/postgresql/metrics`.

#[path = "../core/embed.rs"]
mod embed;

fn main() {
    embed::metrics("postgresql");
}
