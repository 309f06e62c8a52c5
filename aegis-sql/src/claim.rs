//! What a claim asks for, and what it gives.

use std::time::Duration;

use aegis_core::machine::Phase;
use aegis_core::port::{Fence, Lease};
use aegis_core::{IncidentId, ServiceName};
use sqlx::{ColumnIndex, Decode, Row, Type};

use crate::row::ttl_ms;

#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) owner: String,
    /// Of any service where there is none.
    pub(crate) services: Vec<String>,
    ttl: Duration,
    pub(crate) limit: usize,
    /// The one phase that is wanted.
    pub(crate) phase: Option<&'static str>,
}

impl Claim {
    pub(crate) fn new(owner: &str, services: &[ServiceName], ttl: Duration, limit: usize) -> Self {
        let services = services.iter().map(ToString::to_string).collect();
        Self { owner: owner.to_owned(), services, ttl, limit, phase: None }
    }

    /// Of those alone that wait for a person.
    pub(crate) fn waiting(self) -> Self {
        Self { phase: Some(Phase::AwaitingHuman.name()), ..self }
    }

    pub(crate) fn ttl_ms(&self) -> i64 {
        ttl_ms(self.ttl)
    }

    /// How many more are wanted, where `leases` are given.
    pub(crate) fn left(&self, leases: &[Lease]) -> i64 {
        i64::try_from(self.limit - self.limit.min(leases.len())).unwrap_or(i64::MAX)
    }

    /// What a row of id and fence gives.
    pub(crate) fn lease<R: Row>(&self, row: &R) -> sqlx::Result<Lease>
    where
        usize: ColumnIndex<R>,
        for<'a> String: Decode<'a, R::Database> + Type<R::Database>,
        for<'a> i64: Decode<'a, R::Database> + Type<R::Database>,
    {
        Ok(Lease {
            incident: IncidentId::new(row.try_get::<String, _>(0)?),
            owner: self.owner.clone(),
            fence: Fence(row.try_get::<i64, _>(1)?.cast_unsigned()),
            ttl: self.ttl,
        })
    }
}
