//! Writes the operator's rights into the chart. Run by `make crds`.

use std::path::PathBuf;

use penstock_operator::rbac::{RIGHTS_FILE, chart_template};

fn main() -> std::io::Result<()> {
    let root = PathBuf::from(std::env::args().nth(1).unwrap_or_default());
    let file = root.join(RIGHTS_FILE);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, chart_template())
}
