//! The states of a deployment and the only moves between them.

use crate::event::deployment::{Beginning, State};
use crate::id::Role;

/// The moves there are. What is not here is illegal, a move to the same state too.
const LEGAL: [(State, &[State]); 8] = [
    (State::Provisioning, &[State::Active, State::Cancelled]),
    (State::Trial, &[State::Active, State::PastDue, State::Cancelled]),
    (State::Active, &[State::PastDue, State::Paused, State::Suspended, State::Cancelled]),
    (State::PastDue, &[State::Active, State::Suspended, State::Cancelled]),
    (State::Paused, &[State::Active, State::Cancelled]),
    (State::Suspended, &[State::Active, State::Cancelled]),
    (State::Cancelled, &[State::Archived]),
    (State::Archived, &[]),
];

/// Those of them that its owner makes: to pause, to resume, and to end it from wherever it is.
const OWNERS: [(State, &[State]); 8] = [
    (State::Provisioning, &[State::Cancelled]),
    (State::Trial, &[State::Cancelled]),
    (State::Active, &[State::Paused, State::Cancelled]),
    (State::PastDue, &[State::Cancelled]),
    (State::Paused, &[State::Active, State::Cancelled]),
    (State::Suspended, &[State::Cancelled]),
    (State::Cancelled, &[]),
    (State::Archived, &[]),
];

fn of(moves: &[(State, &'static [State])], from: State) -> &'static [State] {
    moves.iter().find(|(it, _)| *it == from).map_or(&[], |(_, to)| *to)
}

/// Where a deployment may go from a state.
pub fn next(from: State) -> &'static [State] {
    of(&LEGAL, from)
}

/// Where somebody in a role may move it from a state.
pub fn next_by(from: State, role: Role) -> &'static [State] {
    match role {
        Role::Operator | Role::Importer | Role::System => next(from),
        Role::Tenant => of(&OWNERS, from),
        Role::Producer | Role::Gateway => &[],
    }
}

/// Whether a move is legal.
pub fn is_legal(from: State, to: State) -> bool {
    next(from).contains(&to)
}

/// In which state a deployment begins.
pub const fn first(beginning: Beginning) -> State {
    match beginning {
        Beginning::Active => State::Active,
        Beginning::Provisioning => State::Provisioning,
        Beginning::Trial { .. } => State::Trial,
    }
}

/// Whether a day that ends in this state is charged.
pub const fn is_charged(state: State) -> bool {
    match state {
        State::Active | State::PastDue => true,
        State::Provisioning
        | State::Trial
        | State::Paused
        | State::Suspended
        | State::Cancelled
        | State::Archived => false,
    }
}
