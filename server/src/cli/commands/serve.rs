//! `aria serve`: serve a folder over HTTP.

use std::{path::PathBuf, time::Duration};

use crate::{
    cli::{Context, Result},
    serve::{AccessLog, LogFormat, ServeOptions, Server},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder
    dir: PathBuf,

    /// Where to listen: HOST:PORT, or :PORT for all addresses of the machine; port 0 takes a free one. May be
    /// given several times
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: Vec<String>,

    /// Write a line for each request to this file, or - for standard output
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// How the lines are written: common (as web servers do) or json
    #[arg(long, value_name = "HOW", default_value = "common", value_parser = ["common", "json"])]
    log_format: String,

    /// Let only pages of this origin read (such as `https://example.org`); all may by default. May be given several times
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,

    /// Send no CORS headers: only pages from the same origin can read
    #[arg(long, conflicts_with = "allow_origin")]
    no_cors: bool,

    /// When told to stop, let answers that are under way take this many seconds more
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    drain: u64,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let options = ServeOptions {
        listen: args.listen,
        access_log: match args.log {
            None => AccessLog::Off,
            Some(path) if path.as_os_str() == "-" => AccessLog::Stdout,
            Some(path) => AccessLog::File(path),
        },
        log_format: if args.log_format == "json" { LogFormat::Json } else { LogFormat::Common },
        allow_origin: args.allow_origin,
        cors: !args.no_cors,
        drain: Duration::from_secs(args.drain),
        ..ServeOptions::new(&args.dir)
    };
    let server = Server::bind(options).await?;
    for address in server.local_addrs() {
        say!("serving {} on http://{address}/", args.dir.display());
    }
    Ok(server.run(context.cancel.clone()).await?)
}
