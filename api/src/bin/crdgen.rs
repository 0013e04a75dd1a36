//! Writes the resource definitions into a folder, `crds` if none is named. Run by `make crds`.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "crds".to_owned()));
    std::fs::create_dir_all(&folder)?;
    for (name, contents) in penstock_api::crds::files()? {
        std::fs::write(folder.join(name), contents)?;
    }
    Ok(())
}
