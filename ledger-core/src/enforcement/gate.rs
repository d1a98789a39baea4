//! May this tenant do that now? A closed list of actions, and what each standing refuses.

use std::str::FromStr;

use crate::decide::account::Standing;

/// Everything there is a gate for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Look at one's own.
    Read,
    /// Take one's data along.
    Export,
    /// Pay.
    Pay,
    /// Ask for help.
    Support,
    /// End a subscription.
    Cancel,
    /// Read a file.
    FileRead,
    /// Write a file.
    FileWrite,
    /// Make a backup.
    BackupCreate,
    /// Go back to a backup.
    BackupRestore,
    /// Make a deployment.
    Provision,
    /// Change its size.
    Resize,
    /// Start it.
    Start,
    /// Delete something of one's own.
    Delete,
}

/// No such action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no gate for that action")]
pub struct UnknownAction;

impl Action {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Read,
        Self::Export,
        Self::Pay,
        Self::Support,
        Self::Cancel,
        Self::FileRead,
        Self::FileWrite,
        Self::BackupCreate,
        Self::BackupRestore,
        Self::Provision,
        Self::Resize,
        Self::Start,
        Self::Delete,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Export => "export",
            Self::Pay => "pay",
            Self::Support => "support",
            Self::Cancel => "cancel",
            Self::FileRead => "file_read",
            Self::FileWrite => "file_write",
            Self::BackupCreate => "backup_create",
            Self::BackupRestore => "backup_restore",
            Self::Provision => "provision",
            Self::Resize => "resize",
            Self::Start => "start",
            Self::Delete => "delete",
        }
    }

    /// Whether a suspended tenant may do it: nobody is locked away from what is theirs, or from a
    /// way out.
    const fn is_open_while_suspended(self) -> bool {
        match self {
            Self::Read
            | Self::Export
            | Self::Pay
            | Self::Support
            | Self::Cancel
            | Self::FileRead => true,
            Self::FileWrite
            | Self::BackupCreate
            | Self::BackupRestore
            | Self::Provision
            | Self::Resize
            | Self::Start
            | Self::Delete => false,
        }
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(word: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|it| it.as_str() == word).ok_or(UnknownAction)
    }
}

/// The answer of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Allowed,
    /// Not now.
    Refused {
        /// A stable word for machines.
        code: &'static str,
        /// What to tell the tenant.
        notice: &'static str,
    },
}

/// Whether a tenant of this standing may do this.
pub const fn gate(standing: Standing, action: Action) -> Verdict {
    match (standing, action) {
        (Standing::Suspended, action) if !action.is_open_while_suspended() => {
            refused("tenant_suspended", standing)
        }
        (Standing::FinalWarning, Action::BackupCreate) => refused("final_warning", standing),
        (Standing::Good | Standing::Warned | Standing::FinalWarning | Standing::Suspended, _) => {
            Verdict::Allowed
        }
    }
}

const fn refused(code: &'static str, standing: Standing) -> Verdict {
    Verdict::Refused { code, notice: notice(standing) }
}

/// What to tell a tenant of this standing; nothing where all is well.
pub const fn notice(standing: Standing) -> &'static str {
    match standing {
        Standing::Good => "",
        Standing::Warned => "A payment failed. Please pay the open invoice.",
        Standing::FinalWarning => {
            "Last warning: an invoice is past due. New backups are blocked until it is paid."
        }
        Standing::Suspended => {
            "Suspended: an invoice is past due. Nothing was deleted; paying it restores service."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that are refused to a standing.
    fn refused_to(standing: Standing) -> Vec<&'static str> {
        let refused = |it: &Action| gate(standing, *it) != Verdict::Allowed;
        Action::ALL.into_iter().filter(refused).map(Action::as_str).collect()
    }

    #[test]
    fn each_standing_refuses_what_the_list_says() {
        assert_eq!(refused_to(Standing::Good), [""; 0]);
        assert_eq!(refused_to(Standing::Warned), [""; 0]);
        assert_eq!(refused_to(Standing::FinalWarning), ["backup_create"]);
        let closed = ["file_write", "backup_create", "backup_restore", "provision", "resize"];
        let closed = [&closed[..], &["start", "delete"]].concat();
        assert_eq!(refused_to(Standing::Suspended), closed);
    }

    #[test]
    fn a_refusal_has_a_code_and_words() {
        for standing in [Standing::FinalWarning, Standing::Suspended] {
            let verdict = gate(standing, Action::BackupCreate);
            let Verdict::Refused { code, notice } = verdict else { panic!("{standing:?}") };
            assert!(!code.is_empty() && notice.len() > 20);
        }
    }

    #[test]
    fn only_exact_words_are_actions() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
        }
        for word in ["", "READ", "read ", "file-read", "destroy"] {
            assert_eq!(word.parse::<Action>(), Err(UnknownAction), "{word}");
        }
    }
}
