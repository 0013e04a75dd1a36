//! Writes the resource definitions into a folder, `crds` if none is named, and, if a second path is named, the page about
//! them there. Run by `make crds`.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "crds".to_owned()));
    std::fs::create_dir_all(&folder)?;
    for (name, contents) in penstock_api::crds::files()? {
        std::fs::write(folder.join(name), contents)?;
    }
    if let Some(page) = arguments.next() {
        std::fs::write(page, penstock_api::reference::page()?)?;
    }
    Ok(())
}
