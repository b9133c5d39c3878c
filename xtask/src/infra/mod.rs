//! `cargo xtask infra`: the templates of `backend/infra` with the portals in them; looked at, deployed on this machine, compared.

mod params;

use std::process::Command;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::deploy::settings::Environment;
use crate::{paths, run, setup};

/// What `infra` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the templates with the portals in them, and the parameters of both environments, into target/infra/; this is the default.
    Params,
    /// Hold the templates against cfn-lint, checkov and our own rules.
    Lint {
        /// Plant mistakes, one at a time: each has to be found.
        #[arg(long)]
        mutants: bool,
    },
    /// Deploy all of it into an AWS stand-in, and read it back by the services' own interfaces.
    DeployLocal {
        /// The stand-in's port.
        #[arg(long, default_value_t = 9500, value_parser = clap::value_parser!(u16).range(1024..65530))]
        port: u16,
        /// Leave the stand-in running until Ctrl-C, for `infra diff --endpoint`.
        #[arg(long)]
        keep: bool,
    },
    /// What a deployed environment has otherwise than the templates and parameters here; changes nothing.
    Diff {
        /// Which environment's parameters.
        #[arg(long, value_enum, value_name = "NAME")]
        env: Environment,
        /// The stack's name.
        #[arg(long, default_value = "pulso", value_name = "NAME")]
        stack: String,
        /// Profile of the AWS account.
        #[arg(long, value_name = "NAME", conflicts_with = "endpoint")]
        profile: Option<String>,
        /// A stand-in instead of an account, as `deploy-local --keep` says it.
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
    },
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    match options.what.as_ref().unwrap_or(&What::Params) {
        What::Params => {
            println!("templates and parameters in {}", params::write()?.display());
            Ok(())
        }
        What::Lint { mutants } => lint(*mutants),
        What::DeployLocal { port, keep: false } => deploy_local(*port),
        What::DeployLocal { port, keep: true } => run::shown("infra deploy-local", read_back(*port)?.arg("--keep")),
        What::Diff { env, stack, profile, endpoint } => {
            let templates = params::write()?;
            setup::ensure_stand_ins()?;
            let mut diff = estate("diff.py");
            diff.arg("--templates").arg(templates).args(["--env", env.name(), "--stack", stack]);
            diff.args(profile.iter().flat_map(|profile| ["--profile", profile]));
            diff.args(endpoint.iter().flat_map(|endpoint| ["--endpoint", endpoint]));
            run::shown("infra diff", &mut diff)
        }
    }
}

/// Part of the suite: the templates are right, and every planted mistake is found.
pub(crate) fn lint(with_mutants: bool) -> Result<()> {
    let templates = params::write()?;
    setup::lint_venv()?;
    let mut lint = Command::new(paths::at("target/lint-venv/bin/python"));
    lint.arg(paths::at("tests/estate/lint.py")).arg("--templates").arg(templates).env("PYTHONDONTWRITEBYTECODE", "1");
    lint.args(with_mutants.then_some("--mutants"));
    run::shown("infra lint", &mut lint)
}

/// Part of the suite: what the stand-in knows of the estate is there, as the templates say, and admits whom it has to.
pub(crate) fn deploy_local(port: u16) -> Result<()> {
    run::shown("infra deploy-local", &mut read_back(port)?)
}

fn read_back(port: u16) -> Result<Command> {
    let templates = params::write()?;
    setup::ensure_stand_ins()?;
    let mut deploy = estate("read_back.py");
    deploy.arg("--templates").arg(templates).args(["--port", &port.to_string()]);
    Ok(deploy)
}

/// A script of `tests/estate`.
fn estate(script: &str) -> Command {
    let mut python = Command::new(paths::python());
    python.arg(paths::at("tests/estate").join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}
