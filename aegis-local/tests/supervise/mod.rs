mod adopt;
mod crash;
mod deploy;
mod releases;
mod service;
