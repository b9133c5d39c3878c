//! Packs the npm package: the crate's own shell, with the glue that wasm-bindgen makes of it.
//!
//! Both files are loaded by every reader. So std is built anew to abort without a word, and the names by which wasm and glue know
//! each other, 16 hex digits of a hash each, become one letter.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::pack::{self, WASM_FEATURES};
use crate::wasm_target::WasmTarget;
use crate::{paths, run, script};

/// What is copied as it is.
const WRITTEN_BY_HAND: [&str; 3] = ["index.d.ts", "package.json", "README.md"];
/// Where the crate's shell finds the module of recommendations.
const RECOMMENDATIONS: &str = "../script/recommendations.js";
/// What wasm-opt renamed: (module, name, new name) of imports, (name, new name) of exports.
#[derive(Debug, Deserialize)]
struct Renamed {
    imports: Vec<(String, String, String)>,
    exports: Vec<(String, String)>,
}

/// `target/npm/`, the package; and `target/assets/npm/`, the same as the worker serves it to the tests.
pub(crate) fn package(wasm: &WasmTarget, is_release: bool) -> Result<()> {
    let mut cargo = wasm.tracker_cargo(is_release)?;
    cargo.args(["-p", "tracker", "--lib", "--crate-type", "cdylib", "--features", "npm"]);
    run::logged("build the npm package for wasm32", &mut cargo, 40)?;
    let parts = paths::at("target/npm-parts");
    let package = paths::at("target/npm");
    for folder in [&parts, &package] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    pack::bindgen(&WasmTarget::tracker_wasm(is_release), &parts, &["--target", "web"])?;
    let renamed = shrunk(&parts.join("tracker_bg.wasm"), &package.join("pulso.wasm"), is_release)?;
    let glue = fs::read_to_string(parts.join("tracker.js"))?;
    fs::write(parts.join("tracker.js"), rewritten(&glue, &renamed)?)?;
    let mut esbuild = pack::esbuild();
    esbuild
        .arg("tracker/npm/index.js")
        .arg(format!("--alias:PULSO_GLUE={}", parts.join("tracker.js").display()))
        .args(["--bundle", "--format=esm", "--minify", "--log-level=warning", "--target=es2020", "--external:*/recommendations.js"])
        .arg(format!("--outfile={}", package.join("pulso.js").display()));
    run::logged("bundle the npm package", &mut esbuild, 0)?;
    recommendations(&package)?;
    for file in WRITTEN_BY_HAND {
        fs::copy(paths::at("tracker/npm").join(file), package.join(file))?;
    }
    pack::copy_folder(&package, &paths::at("target/assets/npm"))
}

/// `recommendations.js`, loaded only where a page shows them: a bundler makes a chunk of it.
fn recommendations(package: &Path) -> Result<()> {
    let bundle = package.join("pulso.js");
    let text = fs::read_to_string(&bundle)?;
    ensure!(text.contains(RECOMMENDATIONS), "the package does not load its module of recommendations");
    fs::write(&bundle, text.replace(RECOMMENDATIONS, "./recommendations.js"))?;
    fs::copy(script::current("recommendations.js")?, package.join("recommendations.js"))?;
    Ok(())
}

/// Optimises, and gives short names to whatever crosses the border.
fn shrunk(from: &Path, to: &Path, is_release: bool) -> Result<Renamed> {
    let mut wasm_opt = paths::node();
    wasm_opt.arg(paths::at("node_modules/binaryen/bin/wasm-opt")).arg(from).arg("-o").arg(to).args(WASM_FEATURES);
    if is_release {
        wasm_opt.args(["-Oz", "--strip-producers", "--strip-target-features"]);
    }
    wasm_opt.arg("--minify-imports-and-exports-and-modules");
    let output = wasm_opt.output().context("wasm-opt cannot be started")?;
    ensure!(output.status.success(), "wasm-opt failed:\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("wasm-opt did not say what it renamed")
}

/// The glue with the new names, and with one way to open the wasm instead of the many that wasm-bindgen offers.
fn rewritten(glue: &str, renamed: &Renamed) -> Result<String> {
    let mut text = glue.to_owned();
    let mut snippets = Vec::new();
    for (module, name, new) in &renamed.imports {
        if module == "./tracker_bg.js" {
            text = text.replace(&format!(" {name}: "), &format!(" {new}: "));
        } else {
            snippets.push(format!("{new}: snippet.{name}"));
        }
    }
    for (name, new) in &renamed.exports {
        for end in [".", "(", ";", ","] {
            text = text.replace(&format!("wasm.{name}{end}"), &format!("wasm.{new}{end}"));
        }
    }
    let from =
        text.find("    return {\n        __proto__: null,\n        \"./tracker_bg.js\"").context("the glue has no list of imports")?;
    let rest = text.get(from..).unwrap_or_default();
    let until = from + rest.find("};").context("the glue's list of imports does not end")? + 2;
    text.replace_range(from..until, &format!("    return {{ a: {{ ...import0, {} }} }};", snippets.join(", ")));
    text = text.replace("import * as import1 ", "import * as snippet ");
    text.push_str("export const open = async (bytes) => {\n    if (!wasm) __wbg_finalize_init((await WebAssembly.instantiate(bytes, __wbg_get_imports())).instance);\n};\n");
    Ok(text)
}
