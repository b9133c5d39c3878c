//! Whether `backend scale` gives a stream the shards that its load needs; boto3 counts them.

use std::process::Command;

use anyhow::Result;

use crate::{pack, paths, run};

/// Starts kinesis-local and ministack's CloudWatch itself, on this port and the two after it.
pub(crate) fn check(port: u16) -> Result<()> {
    let mut oracle = Command::new(paths::python());
    oracle
        .arg(paths::at("tests/oracle/scale.py"))
        .arg("--backend")
        .arg(pack::native_program("backend"))
        .args(["--port", &port.to_string()])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run::shown("tests/oracle/scale.py", &mut oracle)
}
