mod checkout;
mod checks;
mod merge;
mod people;
mod read;
mod revert;
mod submit;
pub(crate) mod workshop;
