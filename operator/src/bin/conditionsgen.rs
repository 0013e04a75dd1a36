//! Writes the page about conditions and events, `docs/conditions.md` if no other path is named. Run by `make crds`.

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let page = std::env::args().nth(1);
    let page = PathBuf::from(page.unwrap_or_else(|| "docs/conditions.md".to_owned()));
    std::fs::write(page, penstock_operator::controllers::page::page()?)?;
    Ok(())
}
