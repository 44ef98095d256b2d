//! The addresses to listen on.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, lookup_host};

use super::ServeError;

/// Listens on `address`: `host:port`, `[v6]:port`, or `:port` for every address of the machine.
/// A name with several addresses is listened on at each of them that the machine has.
pub(super) async fn listen(address: &str) -> Result<Vec<TcpListener>, ServeError> {
    if let Some(port) = address.strip_prefix(':') {
        let port = port.parse().map_err(|_| ServeError::Address { address: address.to_owned() })?;
        return everywhere(port)
            .await
            .map_err(|source| ServeError::Bind { address: address.to_owned(), source });
    }
    if !address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        return Err(ServeError::Address { address: address.to_owned() });
    }
    let at = |source| ServeError::Bind { address: address.to_owned(), source };
    let mut listeners = Vec::new();
    let mut absent = None;
    for resolved in lookup_host(address).await.map_err(at)? {
        match TcpListener::bind(resolved).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if is_absent(&error) => absent = Some(error),
            Err(error) => return Err(at(error)),
        }
    }
    if listeners.is_empty() {
        return Err(at(absent.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())));
    }
    Ok(listeners)
}

/// One socket for both families where the system allows it, else one for each.
async fn everywhere(port: u16) -> io::Result<Vec<TcpListener>> {
    let v4 = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    let v6 = match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        Ok(listener) => listener,
        Err(error) if is_absent(&error) => return Ok(vec![v4(port).await?]),
        Err(error) => return Err(error),
    };
    match v4(v6.local_addr()?.port()).await {
        Ok(listener) => Ok(vec![v6, listener]),
        // The first socket already takes these.
        Err(_) => Ok(vec![v6]),
    }
}

/// Whether the machine has no such address or no such family of addresses.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

/// `EAFNOSUPPORT`, for which the standard library has no kind.
#[cfg(target_os = "linux")]
const NO_SUCH_FAMILY: i32 = 97;
#[cfg(target_vendor = "apple")]
const NO_SUCH_FAMILY: i32 = 47;
#[cfg(windows)]
const NO_SUCH_FAMILY: i32 = 10047;
#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
const NO_SUCH_FAMILY: i32 = 47;
