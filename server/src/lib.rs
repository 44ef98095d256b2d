//! What the `aria` program is made of: the publisher, the servers, the command line.

pub mod cli;
pub mod publish;
pub mod serve;
