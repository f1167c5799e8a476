//! Two processes: one that waits, and one that starts.
//!
//! Who waits learns whether the start has worked: the other says a byte through a pipe when it serves;
//! a pipe that ends without one means that it has failed, and has told why.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

use koi_sys::guard::{self, Child, Forked};

/// Which of the two this is.
pub enum Side {
    /// The one that waits.
    Waiting(Child, Start),
    /// The one that starts.
    Starting(Ready),
}

/// The start of the other process.
pub struct Start(PipeReader);

/// To be said when this process serves.
#[derive(Default)]
pub struct Ready {
    /// Who waits for it.
    waiting: Vec<PipeWriter>,
    /// What the standard streams are replaced by then.
    null: Option<File>,
}

/// Makes the second process. `ready` goes with the one that starts.
///
/// # Errors
/// What is wrong, in words.
pub fn split() -> Result<Side, String> {
    let (reader, writer) = pipe().map_err(|error| format!("no pipe: {error}"))?;
    match guard::fork().map_err(|error| error.to_string())? {
        Forked::Parent(child) => {
            drop(writer);
            Ok(Side::Waiting(child, Start(reader)))
        }
        Forked::Child => {
            drop(reader);
            Ok(Side::Starting(Ready { waiting: vec![writer], null: None }))
        }
    }
}

impl Start {
    /// Waits for it; false if it has failed.
    pub fn wait(&mut self) -> bool {
        self.0.read_exact(&mut [0]).is_ok()
    }

    /// Waits until a reload is over: whether the new plan holds. `None` once the process has ended.
    pub fn reloaded(&mut self) -> Option<bool> {
        let mut byte = [0];
        self.0.read_exact(&mut byte).ok()?;
        Some(byte == [DONE])
    }
}

/// What is said through the pipe: it serves, or a reload was done.
const DONE: u8 = 1;
/// A reload was refused.
const REFUSED: u8 = 2;

/// For saying more later.
#[derive(Default)]
pub struct Teller(Vec<PipeWriter>);

impl Teller {
    /// A reload is over; whether the new plan holds.
    pub fn tell(&mut self, done: bool) {
        let byte = if done { DONE } else { REFUSED };
        // Who is gone does not need to know.
        self.0.retain_mut(|waiting| waiting.write_all(&[byte]).is_ok());
    }
}

impl Ready {
    /// Goes to the background once it is said.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn to_background(&mut self) -> Result<(), String> {
        self.let_go()?;
        guard::leave_terminal();
        Ok(())
    }

    /// Lets go of the standard streams once it is said: whoever reads them waits for their end.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn let_go(&mut self) -> Result<(), String> {
        let null = File::options().read(true).write(true).open("/dev/null");
        self.null = Some(null.map_err(|error| format!("/dev/null: {error}"))?);
        Ok(())
    }

    /// Whether nobody reads the standard streams once it is said.
    pub fn is_background(&self) -> bool {
        self.null.is_some()
    }

    /// This process serves.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn say(self) -> Result<Teller, String> {
        if let Some(null) = &self.null {
            guard::replace_standard_streams(null).map_err(|error| error.to_string())?;
        }
        let mut teller = Teller(self.waiting);
        teller.tell(true);
        Ok(teller)
    }
}
