//! Every operation on the faulty storage passes here: it is counted, logged, and held against the plan.

use std::io;

use super::disk::World;
use super::plan::{Fault, Op, OpKind, crashed};

/// An operation that was counted and may start.
pub(super) struct Pass {
    pub(super) number: u64,
    fault: Option<Fault>,
}

impl Pass {
    /// How many of `len` bytes it may move.
    pub(super) fn allowed(&self, len: usize) -> usize {
        match self.fault {
            Some(Fault::Short(most)) => len.min(most.max(1)),
            Some(Fault::Zero) => 0,
            _ => len,
        }
    }

    pub(super) fn crash(&self) -> bool {
        self.fault == Some(Fault::Crash)
    }
}

impl World {
    /// Counts and logs an operation, and applies the plan to it.
    pub(super) fn enter(
        &mut self,
        life: u64,
        kind: OpKind,
        name: &str,
        offset: u64,
        len: usize,
    ) -> io::Result<Pass> {
        if self.crashed || life != self.life {
            return Err(crashed());
        }
        let number = self.operations;
        self.operations += 1;
        self.changes += u64::from(kind.changes());
        let fault = self.plan.as_mut().and_then(|plan| plan.strike(kind, name));
        self.log.push(Op {
            number,
            kind,
            name: name.to_owned(),
            offset,
            len,
            fault,
        });
        self.crashed = fault == Some(Fault::Crash);
        match fault {
            Some(Fault::Errno(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Fault::Interrupted) => Err(io::ErrorKind::Interrupted.into()),
            Some(Fault::Crash) if !kind.changes() => Err(crashed()),
            _ => Ok(Pass { number, fault }),
        }
    }
}

/// The result of an operation that was carried out: a crash replaces it, and so does an error that comes all the same.
pub(super) fn leave<T>(pass: &Pass, result: io::Result<T>) -> io::Result<T> {
    match pass.fault {
        Some(Fault::Crash) => Err(crashed()),
        Some(Fault::Applied(errno)) => result.and(Err(io::Error::from_raw_os_error(errno))),
        _ => result,
    }
}
