//! The `aria` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    aria_storage_server::cli::main()
}
